"""Attention without computing keys and values."""

import functools
import math
from collections.abc import Callable

import keras
from keras import ops

from keras_transformers.layers.fast.switch import is_on
from keras_transformers.layers.masks import masked_softmax
from keras_transformers.utils import Tensor


def attention(
    layer: keras.layers.Layer, query: Tensor, value: Tensor
) -> Callable[..., tuple[Tensor, Tensor]] | None:
    """Chooses the form in which a `MultiHeadAttention` computes the least.

    Args:
        layer: the built `MultiHeadAttention`.
        query: floats of shape `(batch, queries, dim)`.
        value: floats of shape `(batch, keys, value_dim)`.

    Returns:
        A function from `(query, value, mask, training)` to outputs and weights; None where the
        equation itself computes the least, or where the weights are quantized.
    """
    parts = (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense)
    if any(part.quantization_mode for part in parts):
        return None
    # Dropout would leave a query's weights with another sum than 1, and so the value's bias with
    # another factor.
    if is_on("folded") and layer.key_dim >= value.shape[-1] and layer.dropout == 0:
        return functools.partial(folded, layer)
    if is_on("one_query") and query.shape[1] == 1:
        return functools.partial(for_one_query, layer)
    return None


def folded(
    layer: keras.layers.Layer,
    query: Tensor,
    value: Tensor,
    mask: Tensor | None,
    training: bool | None,
) -> tuple[Tensor, Tensor]:
    r"""Attends by the products of the matrices, where heads are at least as wide as the values.

    What a query `x` and a key `y` have to do with each other is

    \[ Q_i K_i^\top = (x A_i + a_i) y^\top + c, \qquad
       A_i = W^Q_i {W^K_i}^\top, \quad a_i = b^Q_i {W^K_i}^\top \]

    where `c` is the same for all keys, so that softmax takes it out. Weights sum to 1, so that

    \[ \mathrm{MultiHead} = \sum_i P_i y W^V_i W^O_i + \sum_i b^V_i W^O_i + b^O \]

    with the attention weights `P`. Neither product is larger than its factors, and `y` itself
    stands where keys and values stood.
    """
    batch, queries, dim = ops.shape(query)
    width = value.shape[-1]
    keys = _by_heads(layer, layer.key_dense.kernel) / math.sqrt(layer.key_dim)
    outputs = ops.reshape(layer.output_dense.kernel, (layer.num_heads, layer.key_dim, dim))
    scoring = ops.einsum("dhc,ehc->dhe", _with_bias(layer, layer.query_dense), keys)
    scoring = ops.reshape(scoring, (-1, layer.num_heads * width))
    mixing = ops.einsum("dhc,hce->hde", _with_bias(layer, layer.value_dense), outputs)
    bias = ops.sum(mixing[:, -1], axis=0) + layer.output_dense.bias + _no_bias_of_keys(layer)
    mixing = ops.reshape(mixing[:, :-1], (layer.num_heads * width, dim))

    q = ops.matmul(ops.reshape(query, (-1, dim)), scoring[:-1]) + scoring[-1]
    q = ops.reshape(q, (batch, queries, layer.num_heads, width))
    weights = masked_softmax(ops.einsum("bqhd,bkd->bqhk", q, value), mask, heads_axis=2)
    heads = ops.reshape(ops.einsum("bqhk,bkd->bqhd", weights, value), (-1, mixing.shape[0]))
    attended = ops.reshape(ops.matmul(heads, mixing) + bias, (batch, queries, dim))
    return attended, ops.transpose(weights, (0, 2, 1, 3))


def for_one_query(
    layer: keras.layers.Layer,
    query: Tensor,
    value: Tensor,
    mask: Tensor | None,
    training: bool | None,
) -> tuple[Tensor, Tensor]:
    r"""Attends for a single query; keys and values of all positions would be most of the work.

    The query goes through the key's matrix, and what it gathers of `y` through the value's:

    \[ Q_i K_i^\top = (Q_i {W^K_i}^\top) y^\top + c, \qquad
       \mathrm{head}_i = (P_i y) W^V_i + \Big(\sum_k P_{ik}\Big) b^V_i \]

    where `c` is the same for all keys, so that softmax takes it out.
    """
    keys = _by_heads(layer, layer.key_dense.kernel) / math.sqrt(layer.key_dim)

    q = ops.einsum("bhqc,dhc->bqhd", layer.project(layer.query_dense, query), keys)
    weights = masked_softmax(ops.einsum("bqhd,bkd->bqhk", q, value), mask, heads_axis=2)
    dropped = layer.dropout_layer(weights, training=training)
    gathered = ops.einsum("bqhk,bkd->bqhd", dropped, value)
    gathered = ops.concatenate([gathered, ops.sum(dropped, axis=-1, keepdims=True)], axis=-1)
    heads = ops.einsum("bqhd,dhc->bqhc", gathered, _with_bias(layer, layer.value_dense))
    joined = ops.reshape(heads, (*ops.shape(heads)[:2], layer.num_heads * layer.key_dim))
    outputs = layer.output_dense(joined) + _no_bias_of_keys(layer)
    return outputs, ops.transpose(weights, (0, 2, 1, 3))


def _by_heads(layer, kernel):
    return ops.reshape(kernel, (-1, layer.num_heads, layer.key_dim))


def _with_bias(layer, dense):
    """Returns a kernel by heads, its bias as one more row: `(dim + 1, heads, key_dim)`."""
    return _by_heads(layer, ops.concatenate([dense.kernel, dense.bias[None]], axis=0))


def _no_bias_of_keys(layer):
    # The key's bias adds the same to all scores of a query, so that softmax takes it out again:
    # its gradient is 0. Without one, Keras would warn.
    return 0 * ops.sum(layer.key_dense.bias)
