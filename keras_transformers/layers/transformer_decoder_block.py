"""The decoder block of the Transformer."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_transformers.layers import fast
from keras_transformers.layers.masks import check_mask_of_keys, merge_masks
from keras_transformers.layers.multi_head_attention import MultiHeadAttention
from keras_transformers.layers.transformer_block import TransformerBlock
from keras_transformers.utils import Tensor


@keras.saving.register_keras_serializable(package="keras_transformers")
class TransformerDecoderBlock(TransformerBlock):
    r"""Causal self-attention, attention to an encoder, and a feed-forward network.

    Vaswani et al., 2017 (arXiv 1706.03762), figure 1, right half, with dropout on each sub-layer's
    output (section 5.4). What is written so far is `x`, what the encoder gave is `m`:

    \[ a = \mathrm{LayerNorm}(x + \mathrm{MultiHead}(x, x)), \quad
       \text{position } t \text{ looking at positions } 0 \text{ to } t \]
    \[ b = \mathrm{LayerNorm}(a + \mathrm{MultiHead}(a, m)) \]
    \[ y = \mathrm{LayerNorm}(b + \max(0, b W_1 + b_1) W_2 + b_2) \]

    `start` and `step` compute the same one position after the other, as decoding does. Keys and
    values of positions that have been are kept, not computed again.

    Args:
        embed_dim: int, the length of the vectors that come in and go out.
        num_heads: int, the number of attention heads `h` of both attentions.
        ff_dim: int, the width of the feed-forward network's hidden layer.
        rate: float in [0, 1), dropout on the output of the three sub-layers.
        key_dim: int or None, the size `d_k` of each head's queries, keys and values. None means
            `embed_dim` for **each** head, as in `TransformerBlock`; the paper uses
            `embed_dim // num_heads`.
        activation: the feed-forward network's activation, a Keras name or a callable.
        attention_dropout: float in [0, 1), dropout on the attention weights.
        norm_first: bool, whether to normalise before each sub-layer instead of after it (Xiong et
            al., 2020, arXiv 2002.04745).
        epsilon: float, added to the variance in the layer normalisations.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, embed_dim)`. A mask that was sent along with them
            is honoured: padding is not attended to.
        memory: floats of shape `(batch, keys, memory_dim)`, what the encoder gave.
        memory_mask: optional boolean mask of shape `(batch, keys)`, True = attend, which keys
            exist. Left out, it is the mask that was sent along with `memory`.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the attention weights too.

    Returns:
        Floats of the shape of `inputs`; with `return_attention_scores=True` a triple of them, the
        weights of the self-attention, `(batch, num_heads, length, length)`, and those of the
        attention to the encoder, `(batch, num_heads, length, keys)`.

    Raises:
        ValueError: if a size, rate or epsilon is out of range, or if the last axis of `inputs` is
            not `embed_dim`, or if a mask is none.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import TransformerDecoderBlock
        >>> block = TransformerDecoderBlock(embed_dim=32, num_heads=2, ff_dim=64, key_dim=16)
        >>> written, memory = np.ones((1, 5, 32)), np.ones((1, 7, 32))
        >>> outputs, to_itself, to_memory = block(written, memory, return_attention_scores=True)
        >>> tuple(outputs.shape), tuple(to_itself.shape), tuple(to_memory.shape)
        ((1, 5, 32), (1, 2, 5, 5), (1, 2, 5, 7))
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
        super().__init__(
            embed_dim,
            num_heads,
            ff_dim,
            rate,
            key_dim=key_dim,
            activation=activation,
            attention_dropout=attention_dropout,
            norm_first=norm_first,
            epsilon=epsilon,
            **kwargs,
        )
        options = {"dtype": self.dtype_policy}
        self.memory_attention = MultiHeadAttention(
            num_heads, self.key_dim, attention_dropout, name="memory_attention", **options
        )
        self.memory_attention_norm = fast.LayerNormalization(
            epsilon=epsilon, name="memory_attention_norm", **options
        )

    def build(self, inputs_shape, memory_shape):
        super().build(inputs_shape)
        self.memory_attention.build(inputs_shape, memory_shape)
        self.memory_attention_norm.build(inputs_shape)

    def call(
        self,
        inputs,
        memory,
        inputs_mask=None,
        memory_mask=None,
        training=None,
        return_attention_scores=False,
    ):
        self._check_width("inputs", inputs.shape)
        if memory_mask is not None:
            check_mask_of_keys(memory_mask, memory, "memory_mask")
        options = {"return_attention_scores": True}

        def ask_itself(x):
            return self.attention(x, x, value_mask=inputs_mask, use_causal_mask=True, **options)

        def ask_memory(x):
            return self.memory_attention(x, memory, value_mask=memory_mask, **options)

        outputs, *scores = self._sublayers(inputs, ask_itself, ask_memory)
        return (outputs, *scores) if return_attention_scores else outputs

    def _sublayers(self, x, ask_itself, ask_memory):
        x, own_scores = self._attend_and_add(self.attention_norm, x, ask_itself)
        x, memory_scores = self._attend_and_add(self.memory_attention_norm, x, ask_memory)
        if self.norm_first:
            y = x + fast.by_vector(self._feed_forward, self.feed_forward_norm(x))
        else:
            y = self.feed_forward_norm(x + fast.by_vector(self._feed_forward, x))
        return y, own_scores, memory_scores

    def _attend_and_add(self, norm, x, ask):
        attended, scores = ask(norm(x) if self.norm_first else x)
        y = x + self.dropout(attended)
        return (y if self.norm_first else norm(y)), scores

    def start(self, memory: Tensor, memory_mask: Tensor, length: int) -> dict[str, Tensor]:
        """Returns the state before the first position, for `step`.

        Args:
            memory: floats of shape `(batch, keys, memory_dim)`.
            memory_mask: boolean of shape `(batch, keys)`, True = attend; None means all.
            length: int, the number of positions there is to be room for.

        Returns:
            A dict of tensors with the batch as first axis: keys and values of the positions,
            zeros as yet, and those of `memory`.
        """
        if memory_mask is not None:
            check_mask_of_keys(memory_mask, memory, "memory_mask")
            memory_mask = ops.cast(memory_mask, "bool")  # once, not at each step
        attention = self.memory_attention
        empty = ops.zeros(
            (ops.shape(memory)[0], self.num_heads, length, self.key_dim), self.compute_dtype
        )
        return {
            "keys": empty,
            "values": empty,
            "memory_keys": attention.project(attention.key_dense, memory),
            "memory_values": attention.project(attention.value_dense, memory),
            "memory_mask": memory_mask,
        }

    def step(
        self, inputs: Tensor, position: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Computes a single position; the equal of `call` at this position.

        Args:
            inputs: floats of shape `(batch, 1, embed_dim)`.
            position: integer scalar, counted from 0; the ones before have been computed.
            state: what `start` or the step before returned.

        Returns:
            Floats of the shape of `inputs`, and the state after this position.
        """
        inputs = ops.cast(inputs, self.compute_dtype)
        own, memory = self.attention, self.memory_attention
        kept = dict(state)
        places = ops.arange(ops.shape(state["keys"])[2])

        def ask_itself(x):
            # Not ops.slice_update, for which TensorFlow compiles with XLA, anew for each shape.
            here = (places == position)[:, None]
            for name, dense in (("keys", own.key_dense), ("values", own.value_dense)):
                kept[name] = ops.where(here, own.project(dense, x), kept[name])
            q, past = own.project(own.query_dense, x), (places <= position)[None, None]
            return own.attend(q, kept["keys"], kept["values"], past, False)

        def ask_memory(x):
            q = memory.project(memory.query_dense, x)
            mask = merge_masks(state["memory_mask"])
            return memory.attend(q, state["memory_keys"], state["memory_values"], mask, False)

        outputs, *_ = self._sublayers(inputs, ask_itself, ask_memory)
        return outputs, kept
