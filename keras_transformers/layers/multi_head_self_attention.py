"""Multi-head self-attention."""

import functools
import math

import keras
from keras import ops
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask

from keras_transformers.layers.dropout import Dropout
from keras_transformers.utils import check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_transformers")
class MultiHeadSelfAttention(keras.layers.Layer):
    r"""Lets each position of a sequence gather from all others, in several ways at once.

    Vaswani et al., 2017 (arXiv 1706.03762), section 3.2, with queries, keys and values all made of
    the same `x`: for each head `i`

    \[ \mathrm{head}_i = \mathrm{softmax}\Big(\frac{Q_i K_i^\top}{\sqrt{d_k}}\Big) V_i, \qquad
       Q_i = x W^Q_i + b^Q_i, \quad K_i = x W^K_i + b^K_i, \quad V_i = x W^V_i + b^V_i \]
    \[ \mathrm{MultiHead}(x) = [\mathrm{head}_1; \ldots; \mathrm{head}_h] W^O + b^O \]

    It computes what `keras.layers.MultiHeadAttention` does where that gets the same tensor thrice,
    but for queries that are padding by a mask sent along: here they attend like any other, there
    to nothing. The projection of all heads is one matrix product, and the mask is added to the
    scores in its own, smaller shape.

    Where a head is as wide as `x` (`key_dim >= dim`, and no dropout), keys and values are not
    formed at all. What a query `x` and a key `x'` have to do with each other is then written as

    \[ Q_i K_i^\top = (x A_i + a_i) x'^\top + c, \qquad
       A_i = W^Q_i {W^K_i}^\top, \quad a_i = b^Q_i {W^K_i}^\top \]

    where `c` is the same for all keys, so that softmax takes it out, and the values go straight
    through \( W^V_i W^O_i \). Less is computed, and the weights and results are the same. Nor are
    they formed for `num_queries < key_dim`: each query then goes through \( {W^K_i}^\top \), and
    what it gathers of `x` through \( W^V_i \).

    Args:
        num_heads: int, the number of heads `h`.
        key_dim: int, the size `d_k` of each head's queries, keys and values.
        dropout: float in [0, 1), dropout on the attention weights.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, dim)`. A mask that an embedding layer sent along
            with them is honoured: padding is not attended to.
        attention_mask: optional boolean mask, True = attend: of shape `(batch, length)`, which
            key positions exist, or `(batch, length, length)`, which key (last axis) each query
            may look at. It is combined (logical and) with the mask sent along with `inputs`. A
            query that may look at no key attends to all alike.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the attention weights too.
        num_queries: optional int, how many of the first positions ask, and so come out; the
            others are only attended to. None lets all of them ask.

    Returns:
        Floats of the shape of `inputs`, with `num_queries` only so many positions; with
        `return_attention_scores=True` a pair of them and the attention weights without dropout,
        `(batch, num_heads, queries, length)`, whose last axis sums to 1.

    Raises:
        ValueError: if a size or `dropout` is out of range, or if `attention_mask` has neither 2
            nor 3 axes.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import MultiHeadSelfAttention
        >>> attention = MultiHeadSelfAttention(num_heads=2, key_dim=32)
        >>> attention(np.ones((1, 10, 32))).shape, attention.count_params()
        (TensorShape([1, 10, 32]), 8416)
    """

    def __init__(self, num_heads: int, key_dim: int, dropout: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.num_heads = check_positive("num_heads", num_heads)
        self.key_dim = check_positive("key_dim", key_dim)
        self.dropout = check_rate("dropout", dropout)
        self.supports_masking = True

        width, options = num_heads * key_dim, {"dtype": self.dtype_policy}
        self.query_dense = keras.layers.Dense(width, name="query", **options)
        self.key_dense = keras.layers.Dense(width, name="key", **options)
        self.value_dense = keras.layers.Dense(width, name="value", **options)
        self.dropout_layer = Dropout(dropout, name="dropout", **options)

    def build(self, input_shape):
        for dense in (self.query_dense, self.key_dense, self.value_dense):
            dense.build(input_shape)
        # Only now is it known how long the vectors are that go out again.
        self.output_dense = keras.layers.Dense(
            input_shape[-1], name="output", dtype=self.dtype_policy
        )
        self.output_dense.build((*input_shape[:-1], self.num_heads * self.key_dim))
        # W^Q W^K^T and W^V W^O are then no larger than their factors. Dropout on the weights
        # would leave less than 1 of them in all, and the value's bias with a part of itself.
        self.folded = self.key_dim >= input_shape[-1] and self.dropout == 0
        self.built = True

    def call(
        self,
        inputs,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        num_queries=None,
    ):
        asking = inputs if num_queries is None else inputs[:, :num_queries]
        mask = _combine(get_keras_mask(inputs), attention_mask, num_queries)
        attend = self._attend
        if self.folded:
            attend = self._attend_folded
        elif num_queries is not None and num_queries < self.key_dim:
            attend = self._attend_for_few
        outputs, weights = attend(asking, inputs, mask, training)
        send_mask_on(inputs, outputs, num_queries)
        return (outputs, weights) if return_attention_scores else outputs

    def _attend(self, asking, inputs, mask, training):
        """Gives the outputs and the weights, `(batch, heads, queries, keys)`."""
        q = self._heads(self.query_dense, asking, (0, 2, 1, 3)) / math.sqrt(self.key_dim)
        k = self._heads(self.key_dense, inputs, (0, 2, 3, 1))
        v = self._heads(self.value_dense, inputs, (0, 2, 1, 3))
        weights = _weights(ops.matmul(q, k), mask, heads_axis=1)
        heads = ops.matmul(self.dropout_layer(weights, training=training), v)
        heads = ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, self.num_heads * self.key_dim))
        return ops.reshape(self.output_dense(heads), ops.shape(asking)), weights

    def _heads(self, dense, x, axes):
        """Projects `(batch, length, dim)`; `axes` orders batch, length, heads and key_dim."""
        batch, length, dim = ops.shape(x)
        projected = dense(ops.reshape(x, (-1, dim)))
        heads = ops.reshape(projected, (batch, length, self.num_heads, self.key_dim))
        return ops.transpose(heads, axes)

    def _attend_folded(self, asking, inputs, mask, training):
        """Gives the same; inputs stand for keys and values, whose matrices go to the others."""
        batch, queries, dim = ops.shape(asking)
        scoring, scoring_bias = self._scoring_weights(dim)
        mixing, mixing_bias = self._mixing_weights(dim)

        q = ops.matmul(ops.reshape(asking, (-1, dim)), scoring) + scoring_bias
        q = ops.reshape(q, (batch, queries, self.num_heads, dim))
        weights = _weights(ops.einsum("bqhd,bkd->bqhk", q, inputs), mask, heads_axis=2)
        heads = ops.einsum("bqhk,bkd->bqhd", weights, inputs)
        outputs = ops.matmul(ops.reshape(heads, (-1, self.num_heads * dim)), mixing) + mixing_bias
        return ops.reshape(outputs, ops.shape(asking)), ops.transpose(weights, (0, 2, 1, 3))

    def _attend_for_few(self, asking, inputs, mask, training):
        """Gives the same; keys and values of all positions would be most of the work."""
        batch, queries, _ = ops.shape(asking)
        keys = self._with_bias(self.key_dense) / math.sqrt(self.key_dim)
        values = self._with_bias(self.value_dense)

        q = ops.reshape(self.query_dense(asking), (batch, queries, self.num_heads, self.key_dim))
        q = ops.einsum("bqhc,dhc->bqhd", q, keys)
        scores = ops.einsum("bqhd,bkd->bqhk", q[..., :-1], inputs) + q[..., -1:]
        weights = _weights(scores, mask, heads_axis=2)
        kept = self.dropout_layer(weights, training=training)
        mixed = ops.einsum("bqhk,bkd->bqhd", kept, inputs)
        mixed = ops.concatenate([mixed, ops.sum(kept, axis=-1, keepdims=True)], axis=-1)
        heads = ops.einsum("bqhd,dhc->bqhc", mixed, values)
        heads = ops.reshape(heads, (batch, queries, self.num_heads * self.key_dim))
        return self.output_dense(heads), ops.transpose(weights, (0, 2, 1, 3))

    def _scoring_weights(self, dim):
        r"""Gives \( W^Q_i {W^K_i}^\top / \sqrt{d_k} \) of all heads and the bias to go with it."""
        keys = ops.reshape(self.key_dense.kernel, (dim, self.num_heads, self.key_dim))
        keys = keys / math.sqrt(self.key_dim)
        folded = ops.einsum("dhk,ehk->dhe", self._with_bias(self.query_dense), keys)
        folded = ops.reshape(folded, (dim + 1, self.num_heads * dim))
        return folded[:-1], folded[-1]

    def _mixing_weights(self, dim):
        r"""Gives \( W^V_i W^O_i \) of all heads and the bias to go with it."""
        out = ops.reshape(self.output_dense.kernel, (self.num_heads, self.key_dim, dim))
        folded = ops.einsum("dhk,hke->hde", self._with_bias(self.value_dense), out)
        # The key's bias adds the same to all scores of a query, so softmax takes it out again: its
        # gradient is 0. Without one, Keras would warn.
        bias = self.output_dense.bias + 0 * ops.sum(self.key_dense.bias)
        mixing = ops.reshape(folded[:, :-1], (self.num_heads * dim, dim))
        return mixing, ops.sum(folded[:, -1], axis=0) + bias

    def _with_bias(self, dense):
        """Gives a kernel by heads, its bias as one more row: `(dim + 1, heads, key_dim)`."""
        rows = ops.concatenate([dense.kernel, dense.bias[None]], axis=0)
        return ops.reshape(rows, (-1, self.num_heads, self.key_dim))

    def compute_output_spec(
        self,
        inputs,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        num_queries=None,
    ):
        batch, length, dim = inputs.shape
        asking = length if num_queries is None else num_queries
        outputs = keras.KerasTensor((batch, asking, dim), dtype=self.compute_dtype)
        if not return_attention_scores:
            return outputs
        shape = (batch, self.num_heads, asking, length)
        return outputs, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
        }


def send_mask_on(inputs, outputs, num_queries):
    """Gives outputs the mask of the positions that asked; Keras itself would pass on all of it."""
    mask = get_keras_mask(inputs)
    if mask is not None and num_queries is not None:
        set_keras_mask(outputs, mask[:, :num_queries])


def _combine(sent_along, attention_mask, num_queries):
    """Gives the two masks as one of shape `(batch, queries, keys)`, or with 1 for queries."""
    masks = [] if sent_along is None else [sent_along[:, None]]
    if attention_mask is not None:
        if len(attention_mask.shape) not in (2, 3):
            raise ValueError(
                "`attention_mask` must have shape (batch, length) or (batch, length, length). "
                f"Received: shape {tuple(attention_mask.shape)}"
            )
        attention_mask = ops.cast(attention_mask, "bool")
        per_query = len(attention_mask.shape) == 3
        masks.append(attention_mask[:, :num_queries] if per_query else attention_mask[:, None])
    return functools.reduce(ops.logical_and, masks) if masks else None


def _weights(scores, mask, heads_axis):
    """Gives the softmax of the scores over the keys, the last axis, that the mask allows."""
    if mask is not None:
        # Leaves nothing of a softmax.
        lowest = -3e4 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -1e9
        forbidden = 1 - ops.cast(ops.expand_dims(mask, heads_axis), scores.dtype)
        scores = scores + forbidden * lowest
    return ops.softmax(scores)
