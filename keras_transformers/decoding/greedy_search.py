"""Writing a sequence by its likeliest tokens."""

import keras
from keras import ops

from keras_transformers.utils import Tensor, check_positive

IMPOSSIBLE = -1e9


def greedy_search(
    decoder: keras.layers.Layer,
    memory: Tensor,
    memory_mask: Tensor,
    *,
    start_id: int,
    end_id: int,
    max_length: int,
) -> tuple[Tensor, Tensor]:
    r"""Writes sequences token by token, each the likeliest after those before it.

    \[ y_t = \arg\max_y \log p(y \mid y_1, \ldots, y_{t-1}, m) \]

    All sequences of the batch are written side by side, in one loop that a backend can compile; it
    ends when all have ended.

    Args:
        decoder: a layer with `start` and `step`, such as `TransformerDecoder` or `RNNDecoder`.
        memory: floats of shape `(batch, keys, dim)`, what the encoder gave.
        memory_mask: boolean of shape `(batch, keys)`, True = attend, which keys exist.
        start_id: int, the id before the first token.
        end_id: int, the id that ends a sequence.
        max_length: int, the most tokens to write, the end included.

    Returns:
        The ids, int32 of shape `(batch, max_length)`, the end included if there is one and padded
        with 0; and the sequences' log-probabilities, float32 of shape `(batch,)`, the sums of
        their tokens'.

    Raises:
        ValueError: if `max_length` is not a positive integer, or `memory_mask` is no such mask.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.decoding import greedy_search
        >>> from keras_transformers.layers import RNNDecoder
        >>> decoder = RNNDecoder(100, embed_dim=16, units=32)
        >>> memory = np.ones((1, 7, 64), "float32")
        >>> _ = decoder(np.array([[2]]), memory)
        >>> ids, scores = greedy_search(
        ...     decoder, memory, np.ones((1, 7), bool), start_id=2, end_id=3, max_length=5
        ... )
        >>> tuple(ids.shape), tuple(scores.shape)
        ((1, 5), (1,))
    """
    check_positive("max_length", max_length)
    memory, memory_mask = ops.convert_to_tensor(memory), ops.convert_to_tensor(memory_mask)
    batch = ops.shape(memory)[0]

    def go_on(t, token, ended, ids, scores, state):
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(ended)))

    def write(t, token, ended, ids, scores, state):
        logits, state = decoder.step(token, t, state)
        log_probabilities = of_tokens(logits)
        likeliest = ops.cast(ops.argmax(log_probabilities, axis=-1), "int32")
        token = ops.where(ended, 0, likeliest)
        scores = scores + ops.where(ended, 0.0, ops.max(log_probabilities, axis=-1))
        ids = ops.where(ops.arange(max_length) == t, token[:, None], ids)
        return t + 1, token, ops.logical_or(ended, token == end_id), ids, scores, state

    _, _, _, ids, scores, _ = ops.while_loop(
        go_on,
        write,
        (
            ops.convert_to_tensor(0),
            ops.full((batch,), start_id, "int32"),
            ops.zeros((batch,), "bool"),
            ops.zeros((batch, max_length), "int32"),
            ops.zeros((batch,), "float32"),
            decoder.start(memory, memory_mask, max_length),
        ),
    )
    return ids, scores


def of_tokens(logits: Tensor) -> Tensor:
    """Returns the log-probabilities `(batch, vocab_size)` of tokens; padding (0) is none."""
    is_padding = ops.arange(logits.shape[-1]) == 0
    return ops.log_softmax(ops.where(is_padding, IMPOSSIBLE, ops.cast(logits, "float32")))
