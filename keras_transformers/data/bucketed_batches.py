"""Batches of token sequences, grouped by length."""

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_transformers.data.tf_data import without_tuning
from keras_transformers.utils import check_positive

if TYPE_CHECKING:
    import tensorflow as tf


# For a model compiled by XLA, which takes seconds for each length.
XLA_LENGTHS = 8


def bucketed_batches(
    sequences: Sequence[Sequence[int]],
    labels: Sequence[int] | np.ndarray | None = None,
    *,
    batch_size: int = 128,
    lengths: Sequence[int] | None = None,
    seed: int | None = None,
    first_epoch: int = 0,
) -> "tf.data.Dataset[Any]":
    """Batches token sequences with others of like length, padded with 0 only as far as needed.

    Each sequence goes to the shortest of the given lengths that holds it, so that little of a
    batch is padding. What is left over when the batches of one length are full moves up to the
    next length: at most one batch of an epoch is smaller than `batch_size`, and no sequence is
    lost.

    Args:
        sequences: the token ids of each text, all above 0. Those longer than the last of
            `lengths` are cut.
        labels: optional, one label for each sequence.
        batch_size: int, sequences in a batch.
        lengths: rising ints, the lengths that sequences are padded to. None takes every
            length there is. A model compiled by XLA, which compiles anew for each, wants a few
            fixed ones: `bucket_lengths(sequences, 8)`.
        seed: int or None. With a seed the sequences are shuffled anew for each epoch (each time
            the dataset is iterated over), the same way for the same seed and epoch; without one
            they keep their order within each length.
        first_epoch: int, how many epochs have gone before, when training is resumed.

    Returns:
        A `tf.data.Dataset` of `(ids, labels)`, or of `ids` without labels: int32 ids of shape
        `(batch_size, length)`, labels of shape `(batch_size,)` in their own dtype.

    Raises:
        ValueError: if there are no sequences, labels of another number, no positive batch size,
            or lengths that do not rise.

    Example:
        >>> from keras_transformers.data import bucketed_batches
        >>> batches = bucketed_batches([[5, 6], [7], [8, 9, 4]], batch_size=2, lengths=[2, 4])
        >>> [ids.shape.as_list() for ids in batches]
        [[2, 2], [1, 4]]
    """
    import tensorflow as tf

    check_positive("batch_size", batch_size)
    sequences = list(sequences)
    if not sequences:
        raise ValueError("`sequences` must hold at least one sequence. Received: none")
    if labels is not None and len(labels) != len(sequences):
        raise ValueError(
            "`labels` must hold one label for each of the sequences. "
            f"Received: {len(labels)} labels, {len(sequences)} sequences"
        )
    lengths = _check_lengths(bucket_lengths(sequences) if lengths is None else lengths)
    tokens = ragged(sequences)
    labels = None if labels is None else tf.constant(labels)

    def make_batch(length, rows):
        ids = tf.gather(tokens, rows).to_tensor(shape=tf.stack([-1, length]))
        return ids if labels is None else (ids, tf.gather(labels, rows))

    return batches_of_rows(
        make_batch, lambda rng: plan_batches(sequences, batch_size, lengths, rng), seed, first_epoch
    )


def batches_of_rows(
    make_batch: Callable, plan: Callable, seed: int | None, first_epoch: int
) -> "tf.data.Dataset[Any]":
    """Makes a `tf.data.Dataset`, of known cardinality, whose rows are planned anew for each epoch.

    Args:
        make_batch: from the padded length or lengths, int64, and row numbers, int64 of shape
            `(batch,)`, to what a batch holds; it is traced.
        plan: from a random number generator, or None, to what `plan_batches` returns; each batch
            may have several lengths in place of one.
        seed: int or None, as for `bucketed_batches`.
        first_epoch: int, how many epochs have gone before.
    """
    import tensorflow as tf

    lengths = [length for length, _ in plan(None)]
    steps = len(lengths)
    epochs = itertools.count(first_epoch)

    def epoch():
        # One call of Python for a whole epoch: a step may be shorter than such a call.
        rng = None if seed is None else np.random.default_rng((seed, next(epochs)))
        lengths, rows = zip(*plan(rng), strict=True)
        sizes = [len(batch) for batch in rows]
        yield lengths, tf.RaggedTensor.from_row_lengths(np.concatenate(rows), sizes)

    signature = (
        tf.TensorSpec(np.shape(lengths), tf.int64),
        tf.RaggedTensorSpec((steps, None), tf.int64),
    )
    dataset = tf.data.Dataset.from_generator(epoch, output_signature=signature)
    dataset = dataset.unbatch().map(make_batch)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(4)
    return without_tuning(dataset)


def bucket_lengths(sequences: Sequence[Sequence[int]], num_buckets: int | None = None) -> list[int]:
    """Chooses lengths to pad to.

    Args:
        sequences: the token ids of each text.
        num_buckets: int or None. None takes every length there is, which leaves the least
            padding. Otherwise so many multiples of 4 are chosen that about equally many
            sequences go to each, and up to two more for the longest few.

    Returns:
        Rising ints above 0; the last holds the longest sequence.
    """
    sizes = [max(1, len(sequence)) for sequence in sequences]
    if num_buckets is None:
        return sorted(set(sizes))
    shares = np.arange(1, num_buckets + 1) / num_buckets
    # The longest few would otherwise set the length of the whole last bucket.
    quantiles = np.quantile(sizes, [*shares, 0.95, 0.99])
    return sorted({int(-(-quantile // 4) * 4) for quantile in quantiles})


def plan_batches(
    sequences: Sequence[Sequence[int]],
    batch_size: int,
    lengths: Sequence[int],
    rng: np.random.Generator | None = None,
) -> list[tuple[int, np.ndarray]]:
    """Returns the padded length and the row numbers of each batch of one epoch.

    The lengths rise; `rng` shuffles rows and batches, None keeps the order within each length. Row
    numbers are integer arrays of shape `(batch_size,)`, or shorter once.
    """
    sizes = np.minimum([len(sequence) for sequence in sequences], lengths[-1])
    buckets = np.searchsorted(lengths, sizes)
    batches = batches_by_key(buckets, batch_size, rng)
    return [(lengths[buckets[rows].max()], rows) for rows in batches]


def batches_by_key(
    keys: np.ndarray, batch_size: int, rng: np.random.Generator | None = None
) -> list[np.ndarray]:
    """Sorts rows by their keys and cuts them into batches.

    Args:
        keys: ints of shape `(rows,)`.
        batch_size: int, rows in a batch.
        rng: shuffles the rows of each key, and the batches; None keeps the order of both.

    Returns:
        Row numbers, integer arrays of shape `(batch_size,)`, one of them perhaps shorter.
    """
    rows = np.arange(len(keys))
    if rng:
        rng.shuffle(rows)
    rows = rows[np.argsort(keys[rows], kind="stable")]
    batches = np.split(rows, range(batch_size, len(rows), batch_size))
    if rng:
        rng.shuffle(batches)
    return batches


def ragged(sequences: Sequence[Sequence[int]]) -> "tf.RaggedTensor":
    """Returns sequences as a `tf.RaggedTensor` of int32, one a row."""
    import tensorflow as tf

    return tf.RaggedTensor.from_row_lengths(
        np.concatenate(sequences).astype("int32"), [len(sequence) for sequence in sequences]
    )


def pad(sequences: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Cuts or pads sequences with 0 on the right: int32 of shape `(len(sequences), length)`."""
    cut = [sequence[:length] for sequence in sequences]
    sizes = np.array([len(sequence) for sequence in cut])
    ids = np.zeros((len(cut), length), dtype="int32")
    ids[np.arange(length) < sizes[:, None]] = np.concatenate(cut)
    return ids


def _check_lengths(lengths):
    lengths = [check_positive("lengths", int(length)) for length in lengths]
    if not lengths or any(a >= b for a, b in itertools.pairwise(lengths)):
        raise ValueError(f"`lengths` must rise from one to the next. Received: {lengths}")
    return lengths
