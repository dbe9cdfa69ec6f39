"""Multi-head attention."""

import math
from typing import Any

import keras
from keras import ops

from keras_transformers.layers import fast
from keras_transformers.layers.masks import make_causal_mask, masked_softmax, merge_masks
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.utils import Tensor, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_transformers")
class MultiHeadAttention(KeepsQuantization, keras.layers.Layer):
    r"""Lets each position of a sequence gather from those of another, in several ways at once.

    Vaswani et al., 2017 (arXiv 1706.03762), section 3.2, equation 1. Queries are made of the
    sequence `x`, keys and values of the sequence `y`, for each head `i` by matrices of its own:

    \[ \mathrm{head}_i = \mathrm{softmax}\Big(\frac{Q_i K_i^\top}{\sqrt{d_k}}\Big) V_i, \qquad
       Q_i = x W^Q_i + b^Q_i, \quad K_i = y W^K_i + b^K_i, \quad V_i = y W^V_i + b^V_i \]
    \[ \mathrm{MultiHead}(x, y) = [\mathrm{head}_1; \ldots; \mathrm{head}_h] W^O + b^O \]

    Self-attention is `attention(x, x)`. In a translation the decoder's `x` asks the encoder's
    `y`: `attention(x, y)`. To let the first position alone ask: `attention(x[:, :1], x)`.

    Args:
        num_heads: int, the number of heads `h`.
        key_dim: int, the size `d_k` of each head's queries, keys and values.
        dropout: float in [0, 1), dropout on the attention weights.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        query: floats of shape `(batch, queries, dim)`, the `x` that asks.
        value: floats of shape `(batch, keys, value_dim)`, the `y` that is asked.
        attention_mask: optional boolean mask, True = attend: of shape `(batch, keys)`, which keys
            exist, or `(batch, queries, keys)`, which key each query may look at.
        value_mask: optional boolean mask of shape `(batch, keys)`, which keys exist. Left out, it
            is the mask that an embedding layer sent along with `value`, so that padding is not
            attended to.
        use_causal_mask: bool, whether query `t` may look at keys 0 to `t` only.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the attention weights too.

    Returns:
        Floats of the shape of `query`; with `return_attention_scores=True` a pair of them and the
        attention weights without dropout, `(batch, num_heads, queries, keys)`, whose last axis
        sums to 1. A key may be looked at where all masks allow it; a query that may look at none
        attends to all alike.

    Raises:
        ValueError: if a size or `dropout` is out of range, or if `attention_mask` has neither 2
            nor 3 axes.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import MultiHeadAttention
        >>> attention = MultiHeadAttention(num_heads=2, key_dim=32)
        >>> x, y = np.ones((1, 10, 32)), np.ones((1, 7, 32))
        >>> outputs, scores = attention(x, y, return_attention_scores=True)
        >>> tuple(outputs.shape), tuple(scores.shape), attention.count_params()
        ((1, 10, 32), (1, 2, 10, 7), 8416)
    """

    def __init__(self, num_heads: int, key_dim: int, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = check_positive("num_heads", num_heads)
        self.key_dim = check_positive("key_dim", key_dim)
        self.dropout = check_rate("dropout", dropout)
        self.supports_masking = True

        width, options = num_heads * key_dim, {"dtype": self.dtype_policy}
        self.query_dense = keras.layers.Dense(width, name="query", **options)
        self.key_dense = keras.layers.Dense(width, name="key", **options)
        self.value_dense = keras.layers.Dense(width, name="value", **options)
        self.dropout_layer = fast.Dropout(dropout, name="dropout", **options)

    def build(self, query_shape, value_shape):
        self.query_dense.build(query_shape)
        self.key_dense.build(value_shape)
        self.value_dense.build(value_shape)
        # Only now is it known how long the vectors are that go out again.
        self.output_dense = keras.layers.Dense(
            query_shape[-1], name="output", dtype=self.dtype_policy
        )
        self.output_dense.build((*query_shape[:-1], self.num_heads * self.key_dim))
        self.built = True

    def call(
        self,
        query,
        value,
        attention_mask=None,
        value_mask=None,
        use_causal_mask=False,
        training=None,
        return_attention_scores=False,
    ):
        # (batch, queries, keys)
        mask = merge_masks(attention_mask, value_mask, query=query, value=value)
        if use_causal_mask:
            mask = merge_masks(mask, make_causal_mask(query, value))
        if fast_form := fast.attention(self, query, value):
            outputs, weights = fast_form(query, value, mask, training)
        else:
            q = self.project(self.query_dense, query)  # (batch, heads, queries, key_dim)
            k = self.project(self.key_dense, value)  # (batch, heads, keys, key_dim)
            v = self.project(self.value_dense, value)  # (batch, heads, keys, key_dim)
            outputs, weights = self.attend(q, k, v, mask, training)
        return (outputs, weights) if return_attention_scores else outputs

    def project(self, dense: keras.layers.Dense, x: Tensor) -> Tensor:
        """Projects `(batch, length, dim)` for each head, to `(batch, heads, length, key_dim)`."""
        batch, length, _ = ops.shape(x)
        projected = fast.by_vector(dense, x)
        by_heads = ops.reshape(projected, (batch, length, self.num_heads, self.key_dim))
        return ops.transpose(by_heads, (0, 2, 1, 3))

    def attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, training: bool | None
    ) -> tuple[Tensor, Tensor]:
        """Computes the equation from queries, keys and values on."""
        scores = ops.einsum("bhqd,bhkd->bhqk", q / math.sqrt(self.key_dim), k)
        weights = masked_softmax(scores, mask)  # (batch, heads, queries, keys)
        dropped = self.dropout_layer(weights, training=training)
        heads = ops.einsum("bhqk,bhkd->bqhd", dropped, v)  # (batch, queries, heads, key_dim)
        joined = ops.reshape(heads, (*ops.shape(heads)[:2], self.num_heads * self.key_dim))
        return fast.by_vector(self.output_dense, joined), weights

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
        }
