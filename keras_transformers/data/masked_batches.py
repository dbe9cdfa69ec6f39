"""Batches for masked language modelling."""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_transformers.data.bucketed_batches import batches_by_key, pad
from keras_transformers.data.mask_tokens import MaskingVocabulary, mask_tokens
from keras_transformers.data.stored_sequences import StoredSequences
from keras_transformers.data.tf_data import pad_to_multiple, without_tuning

if TYPE_CHECKING:
    import tensorflow as tf


def masked_batches(
    sequences: StoredSequences,
    rows: np.ndarray,
    vocabulary: MaskingVocabulary,
    *,
    batch_size: int,
    steps: int | None = None,
    first_step: int = 0,
    seed: int | None = None,
    whole_words: bool = False,
    multiple: int = 1,
) -> "tf.data.Dataset[Any]":
    """Batches sequences with others of like length, masked anew every time.

    Args:
        sequences: of token ids, special tokens included.
        rows: integers, which of them to take.
        vocabulary: the `MaskingVocabulary` of the tokeniser.
        batch_size: int, sequences in a batch; the last one of a pass may be smaller.
        steps: int or None, how many batches the dataset has each time it is iterated over, which
            goes on where the last time ended. None means one pass over the rows, the same one
            each time.
        first_step: int, how many batches have gone before, when training is resumed.
        seed: int or None. With a seed each pass is shuffled in a way of its own; without, the rows
            keep their order and their masks. The same seed and step give the same batch.
        whole_words: bool, as for `mask_tokens`.
        multiple: int, of which predictions and length are made a multiple by padding, the length
            at most that of the longest sequence. A model compiled by XLA, which compiles anew for
            each shape, wants few of them.

    Returns:
        A `tf.data.Dataset`, of known cardinality, of a dict with `input_word_ids` of shape
        `(batch, length)` and `masked_positions` of shape `(batch, predictions)`, and the ids to
        guess, of the latter shape, 0 = none; all int32.
    """
    import tensorflow as tf

    keys = sequences.lengths[rows]
    per_pass = -(-len(rows) // batch_size)
    begins = itertools.count(first_step, steps) if steps else itertools.repeat(0)

    def batches():
        begin = next(begins)
        planned, plan = None, []
        for step in range(begin, begin + (steps or per_pass)):
            if step // per_pass != planned:
                planned = step // per_pass
                rng = None if seed is None else np.random.default_rng((seed, planned))
                plan = batches_by_key(keys, batch_size, rng)
            chosen = [sequences[row] for row in rows[plan[step % per_pass]]]
            # The masks of a training and those of no seed never share a seed.
            mask_seed = (-1, step) if seed is None else (seed, step)
            yield mask_seed, pad(chosen, max(map(len, chosen)))

    longest = int(sequences.lengths.max())

    def mask(seed, ids):
        masked, positions, hidden = mask_tokens(ids, vocabulary, seed, whole_words=whole_words)
        masked = pad_to_multiple(masked, multiple, longest)
        positions, hidden = (pad_to_multiple(x, multiple, longest) for x in (positions, hidden))
        return {"input_word_ids": masked, "masked_positions": positions}, hidden

    signature = tf.TensorSpec((2,), tf.int64), tf.TensorSpec((None, None), tf.int32)
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature).map(mask)
    cardinality = tf.data.experimental.assert_cardinality(steps or per_pass)
    return without_tuning(dataset.apply(cardinality).prefetch(4))
