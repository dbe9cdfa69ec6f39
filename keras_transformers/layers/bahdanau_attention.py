"""Additive attention."""

from typing import Any

import keras
from keras import ops

from keras_transformers.layers.masks import masked_softmax, merge_masks
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.utils import Tensor, check_positive


@keras.saving.register_keras_serializable(package="keras_transformers")
class BahdanauAttention(KeepsQuantization, keras.layers.Layer):
    r"""Lets a query gather from the vectors of a sequence, by a small network that scores each.

    Bahdanau et al., 2015 (arXiv 1409.0473), section 3.1 and appendix A.1.2. For a query `s`, the
    state of a decoder, and the vectors `h_1` to `h_T` of an encoder:

    \[ e_j = v^\top \tanh(W_q s + W_k h_j), \qquad
       \alpha_j = \frac{\exp e_j}{\sum_k \exp e_k}, \qquad c = \sum_j \alpha_j h_j \]

    The paper calls `W_q` and `W_k` by the names `W_a` and `U_a`. The weights `\alpha` of all
    queries are the alignment matrix.

    Args:
        units: int, the width of the scoring network.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        query: floats of shape `(batch, queries, query_dim)`, the `s` that ask.
        value: floats of shape `(batch, keys, value_dim)`, the `h` that are asked.
        attention_mask: optional boolean mask, True = attend: of shape `(batch, keys)`, which keys
            exist, or `(batch, queries, keys)`, which key each query may look at.
        value_mask: optional boolean mask of shape `(batch, keys)`, which keys exist. Left out, it
            is the mask that was sent along with `value`, so that padding is not attended to.
        return_attention_scores: bool, whether to return the attention weights too.

    Returns:
        The contexts `c`, floats of shape `(batch, queries, value_dim)`; with
        `return_attention_scores=True` a pair of them and the attention weights,
        `(batch, queries, keys)`, whose last axis sums to 1. A key may be looked at where all masks
        allow it; a query that may look at none attends to all alike.

    Raises:
        ValueError: if `units` is not a positive integer, or if `attention_mask` has neither 2 nor
            3 axes.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import BahdanauAttention
        >>> attention = BahdanauAttention(units=10)
        >>> states, annotations = np.ones((1, 3, 16)), np.ones((1, 7, 32))
        >>> context, weights = attention(states, annotations, return_attention_scores=True)
        >>> tuple(context.shape), tuple(weights.shape), attention.count_params()
        ((1, 3, 32), (1, 3, 7), 490)
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = check_positive("units", units)
        self.supports_masking = True

        options = {"use_bias": False, "dtype": self.dtype_policy}
        self.query_dense = keras.layers.Dense(units, name="query", **options)
        self.key_dense = keras.layers.Dense(units, name="key", **options)
        self.score_dense = keras.layers.Dense(1, name="score", **options)

    def build(self, query_shape, value_shape):
        self.query_dense.build(query_shape)
        self.key_dense.build(value_shape)
        self.score_dense.build((*query_shape[:-1], self.units))
        self.built = True

    def call(
        self, query, value, attention_mask=None, value_mask=None, return_attention_scores=False
    ):
        # (batch, queries, keys)
        mask = merge_masks(attention_mask, value_mask, query=query, value=value)
        context, weights = self.attend(query, self.key_dense(value), value, mask)
        return (context, weights) if return_attention_scores else context

    def attend(
        self, query: Tensor, keys: Tensor, value: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Computes the equation from `keys`, the `W_k h`, on, which all queries share."""
        q = self.query_dense(query)  # (batch, queries, units)
        hidden = ops.tanh(q[:, :, None] + keys[:, None])  # (batch, queries, keys, units)
        scores = self.score_dense(hidden)[..., 0]  # (batch, queries, keys)
        weights = masked_softmax(scores, mask, heads_axis=None)
        return ops.matmul(weights, value), weights

    def get_config(self):
        return {**super().get_config(), "units": self.units}
