"""The encoder block of the Transformer."""

from collections.abc import Callable
from typing import Any

import keras

from keras_transformers.layers import fast
from keras_transformers.layers.multi_head_attention import MultiHeadAttention
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.utils import Tensor, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_transformers")
class TransformerBlock(KeepsQuantization, keras.layers.Layer):
    r"""Multi-head self-attention and a feed-forward network, each with residual and normalisation.

    Vaswani et al., 2017 (arXiv 1706.03762), figure 1, left half, with dropout on each sub-layer's
    output (section 5.4) and with `MultiHeadAttention`:

    \[ a = \mathrm{LayerNorm}(x + \mathrm{MultiHead}(x, x)) \]
    \[ y = \mathrm{LayerNorm}(a + \max(0, a W_1 + b_1) W_2 + b_2) \]

    With `norm_first=True` the normalisation stands in front of each sub-layer, inside the
    residual branch (pre-LN; Xiong et al., 2020, arXiv 2002.04745).

    Args:
        embed_dim: int, the length of the vectors that come in and go out.
        num_heads: int, the number of attention heads `h`.
        ff_dim: int, the width of the feed-forward network's hidden layer.
        rate: float in [0, 1), dropout on the output of both sub-layers.
        key_dim: int or None, the size `d_k` of each head's queries, keys and values. None means
            `embed_dim` for **each** head; the paper and BERT use `embed_dim // num_heads`.
        activation: the feed-forward network's activation, a Keras name or a callable.
        attention_dropout: float in [0, 1), dropout on the attention weights.
        norm_first: bool, whether to normalise before each sub-layer instead of after it.
        epsilon: float, added to the variance in the layer normalisations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, embed_dim)`. A mask that an embedding layer sent
            along with them is honoured: padding is not attended to.
        context: optional floats of shape `(batch, keys, embed_dim)`, the sequence that is attended
            to; left out, it is `inputs`. `block(x[:, :1], context=x)` is the first position of
            `block(x)`, for less work.
        attention_mask: optional boolean mask, True = attend: of shape `(batch, keys)`, which keys
            exist, or `(batch, length, keys)`, which key each query may look at. It is combined
            (logical and) with the mask sent along with what is attended to.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the attention weights too.

    Returns:
        Floats of the shape of `inputs`; with `return_attention_scores=True` a pair of them and
        the attention weights, `(batch, num_heads, length, keys)`, whose last axis sums to 1.

    Raises:
        ValueError: if a size, rate or epsilon is out of range, if the last axis of `inputs` or
            `context` is not `embed_dim`, or if `attention_mask` has neither 2 nor 3 axes.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import TransformerBlock
        >>> block = TransformerBlock(embed_dim=32, num_heads=2, ff_dim=32)
        >>> outputs, scores = block(np.ones((1, 10, 32)), return_attention_scores=True)
        >>> tuple(outputs.shape), tuple(scores.shape), block.count_params()
        ((1, 10, 32), (1, 2, 10, 10), 10656)
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ff_dim: int,
        rate: float = 0.1,
        *,
        key_dim: int | None = None,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        attention_dropout: float = 0.0,
        norm_first: bool = False,
        epsilon: float = 1e-6,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.embed_dim = check_positive("embed_dim", embed_dim)
        self.num_heads = check_positive("num_heads", num_heads)
        self.ff_dim = check_positive("ff_dim", ff_dim)
        self.rate = check_rate("rate", rate)
        self.key_dim = embed_dim if key_dim is None else check_positive("key_dim", key_dim)
        self.activation = keras.activations.get(activation)
        self.attention_dropout = check_rate("attention_dropout", attention_dropout)
        self.norm_first = norm_first
        if epsilon <= 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon!r}")
        self.epsilon = epsilon
        self.supports_masking = True

        options = {"dtype": self.dtype_policy}
        self.attention = MultiHeadAttention(
            num_heads, self.key_dim, attention_dropout, name="attention", **options
        )
        self.attention_norm = fast.LayerNormalization(
            epsilon=epsilon, name="attention_norm", **options
        )
        self.feed_forward_hidden = keras.layers.Dense(ff_dim, name="feed_forward_hidden", **options)
        self.feed_forward_activation = fast.Activation(
            self.activation, name="feed_forward_activation", **options
        )
        self.feed_forward_output = keras.layers.Dense(
            embed_dim, name="feed_forward_output", **options
        )
        self.feed_forward_norm = fast.LayerNormalization(
            epsilon=epsilon, name="feed_forward_norm", **options
        )
        self.dropout = fast.Dropout(rate, name="dropout", **options)

    def build(self, input_shape):
        self._check_width("inputs", input_shape)
        self.attention.build(input_shape, input_shape)
        self.attention_norm.build(input_shape)
        self.feed_forward_hidden.build(input_shape)
        self.feed_forward_output.build((*input_shape[:-1], self.ff_dim))
        self.feed_forward_norm.build(input_shape)
        self.built = True

    def call(
        self,
        inputs,
        context=None,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
    ):
        context = inputs if context is None else context
        self._check_width("inputs", inputs.shape)
        self._check_width("context", context.shape)
        if self.norm_first:
            attended, scores = self._attend(
                self.attention_norm(inputs), self.attention_norm(context), attention_mask
            )
            x = inputs + attended
            y = x + fast.by_vector(self._feed_forward, self.feed_forward_norm(x))
        else:
            attended, scores = self._attend(inputs, context, attention_mask)
            x = self.attention_norm(inputs + attended)
            y = self.feed_forward_norm(x + fast.by_vector(self._feed_forward, x))
        return (y, scores) if return_attention_scores else y

    def _attend(self, x, context, attention_mask):
        attended, scores = self.attention(x, context, attention_mask, return_attention_scores=True)
        return self.dropout(attended), scores

    def _feed_forward(self, x):
        hidden = self.feed_forward_activation(self.feed_forward_hidden(x))
        return self.dropout(self.feed_forward_output(hidden))

    def _check_width(self, name, shape):
        if shape[-1] != self.embed_dim:
            raise ValueError(
                f"`{name}` must have embed_dim={self.embed_dim} as its last axis. "
                f"Received: shape {tuple(shape)}"
            )

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, *args, **kwargs):
        # Traced, for there may be scores too; without this Keras would go by the shape above.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def get_config(self):
        return {
            **super().get_config(),
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "ff_dim": self.ff_dim,
            "rate": self.rate,
            "key_dim": self.key_dim,
            "activation": keras.activations.serialize(self.activation),
            "attention_dropout": self.attention_dropout,
            "norm_first": self.norm_first,
            "epsilon": self.epsilon,
        }
