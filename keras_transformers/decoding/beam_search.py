"""Writing a sequence with several candidates in view."""

import keras
from keras import ops, tree

from keras_transformers.decoding.greedy_search import IMPOSSIBLE, greedy_search, of_tokens
from keras_transformers.utils import Tensor, check_positive


def length_penalty(length: Tensor, alpha: float) -> Tensor:
    r"""Returns what a log-probability is divided by: \( (5 + \lvert Y \rvert)^\alpha / 6^\alpha \).

    Wu et al., 2016 (arXiv 1609.08144), equation 14. Without it, long sequences lose to short ones,
    since each further token makes a sequence less likely.
    """
    return ops.power((5.0 + ops.cast(length, "float32")) / 6.0, alpha)


def beam_search(
    decoder: keras.layers.Layer,
    memory: Tensor,
    memory_mask: Tensor,
    *,
    beam: int,
    start_id: int,
    end_id: int,
    max_length: int,
    alpha: float = 0.6,
) -> tuple[Tensor, Tensor]:
    r"""Writes sequences token by token, going on from the `beam` best of them each time.

    A candidate `Y` is as good as its score (Wu et al., 2016, arXiv 1609.08144, equation 14):

    \[ s(Y) = \frac{\log p(Y \mid m)}{\mathrm{lp}(Y)}, \qquad
       \mathrm{lp}(Y) = \frac{(5 + |Y|)^\alpha}{(5 + 1)^\alpha} \]

    where `|Y|` counts the end too. Candidates that have ended stay among the best as long as no
    others are better. A search by beams can lose the greedy sequence on its way and end with a
    worse one; so that it never does, the greedy sequence is compared in the end.

    All sequences of the batch are written side by side, in one loop that a backend can compile; it
    ends when all candidates have ended.

    Args:
        decoder: a layer with `start` and `step`, such as `TransformerDecoder` or `RNNDecoder`.
        memory: floats of shape `(batch, keys, dim)`, what the encoder gave.
        memory_mask: boolean of shape `(batch, keys)`, True = attend, which keys exist.
        beam: int, the number of candidates; with 1 the result is `greedy_search`'s.
        start_id: int, the id before the first token.
        end_id: int, the id that ends a sequence.
        max_length: int, the most tokens to write, the end included.
        alpha: float, the exponent of the length penalty; 0 leaves it out.

    Returns:
        The ids of the best sequences, int32 of shape `(batch, max_length)`, the end included if
        there is one and padded with 0; and their scores, float32 of shape `(batch,)`.

    Raises:
        ValueError: if `beam` is not a positive integer, or `memory_mask` is no such mask.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.decoding import beam_search
        >>> from keras_transformers.layers import RNNDecoder
        >>> decoder = RNNDecoder(100, embed_dim=16, units=32)
        >>> memory = np.ones((1, 7, 64), "float32")
        >>> _ = decoder(np.array([[2]]), memory)
        >>> ids, scores = beam_search(
        ...     decoder, memory, np.ones((1, 7), bool), beam=3, start_id=2, end_id=3, max_length=5
        ... )
        >>> tuple(ids.shape), tuple(scores.shape)
        ((1, 5), (1,))
    """
    check_positive("beam", beam)
    memory, memory_mask = ops.convert_to_tensor(memory), ops.convert_to_tensor(memory_mask)
    options = {"start_id": start_id, "end_id": end_id, "max_length": max_length}
    greedy_ids, log_probabilities = greedy_search(decoder, memory, memory_mask, **options)
    lengths = ops.sum(ops.cast(greedy_ids != 0, "int32"), axis=1)
    greedy_scores = log_probabilities / length_penalty(lengths, alpha)
    if beam == 1:
        return greedy_ids, greedy_scores
    ids, scores = _search(decoder, memory, memory_mask, beam, alpha, **options)
    ids = ops.where((greedy_scores > scores)[:, None], greedy_ids, ids)
    return ids, ops.maximum(greedy_scores, scores)


def _search(decoder, memory, memory_mask, beam, alpha, start_id, end_id, max_length):
    batch = ops.shape(memory)[0]
    # Row i * beam + j is candidate j of sequence i.
    first_of_each = ops.arange(batch)[:, None] * beam

    def go_on(t, tokens, ended, ids, sums, lengths, state):
        return ops.logical_and(t < max_length, ops.logical_not(ops.all(ended)))

    def write(t, tokens, ended, ids, sums, lengths, state):
        logits, after = decoder.step(ops.reshape(tokens, (-1,)), t, state)
        vocab_size = logits.shape[-1]
        log_probabilities = ops.reshape(of_tokens(logits), (batch, beam, vocab_size))
        # Behind an end there is padding, at no cost, and nothing else.
        is_padding = ops.arange(vocab_size) == 0
        behind_end = ops.where(is_padding, 0.0, IMPOSSIBLE)
        log_probabilities = ops.where(ended[..., None], behind_end, log_probabilities)

        sums = sums[..., None] + log_probabilities
        lengths = lengths + ops.cast(ops.logical_not(ended), "int32")
        scores = sums / length_penalty(lengths, alpha)[..., None]
        _, best = ops.top_k(ops.reshape(scores, (batch, beam * vocab_size)), beam)
        best = ops.cast(best, "int32")
        rows = ops.reshape(first_of_each + best // vocab_size, (-1,))

        def of_the_best(x):
            return ops.take(x, rows, axis=0)

        def reordered(x):
            flat = ops.reshape(x, (batch * beam, *x.shape[2:]))
            return ops.reshape(of_the_best(flat), (batch, beam, *x.shape[2:]))

        tokens = best % vocab_size
        sums = ops.take_along_axis(ops.reshape(sums, (batch, beam * vocab_size)), best, axis=1)
        ids = ops.where(ops.arange(max_length) == t, tokens[..., None], reordered(ids))
        ended = ops.logical_or(reordered(ended), tokens == end_id)
        # What a step leaves alone, such as the memory, is the same for all of a sequence.
        state = tree.map_structure(
            lambda old, new: old if new is old else of_the_best(new), state, after
        )
        return t + 1, tokens, ended, ids, sums, reordered(lengths), state

    # In the beginning all candidates are the same, so that only the first may go on.
    first_only = ops.where(ops.arange(beam) == 0, 0.0, IMPOSSIBLE)
    _, _, _, ids, sums, lengths, _ = ops.while_loop(
        go_on,
        write,
        (
            ops.convert_to_tensor(0),
            ops.full((batch, beam), start_id, "int32"),
            ops.zeros((batch, beam), "bool"),
            ops.zeros((batch, beam, max_length), "int32"),
            ops.zeros((batch, 1), "float32") + first_only,
            ops.zeros((batch, beam), "int32"),
            decoder.start(
                ops.repeat(memory, beam, axis=0), ops.repeat(memory_mask, beam, axis=0), max_length
            ),
        ),
    )
    scores = sums / length_penalty(lengths, alpha)
    best = ops.argmax(scores, axis=1)[:, None]
    best_ids = ops.take_along_axis(ids, best[..., None], axis=1)[:, 0]
    return best_ids, ops.take_along_axis(scores, best, axis=1)[:, 0]
