"""Batches of token sequences, grouped by length."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from keras_transformers.utils import check_positive


def bucketed_batches(
    sequences: Sequence[Sequence[int]],
    labels: Sequence | None = None,
    *,
    batch_size: int = 128,
    lengths: Sequence[int] | None = None,
    seed: int | None = None,
    first_epoch: int = 0,
):
    """Batches token sequences with others of like length, padded with 0 only as far as needed.

    Each sequence goes to the shortest of a few fixed lengths that holds it, so that little of a
    batch is padding and a compiler meets a handful of shapes. What is left over when the batches
    of one length are full moves up to the next length: at most one batch of an epoch is smaller
    than `batch_size`, and no sequence is lost.

    Args:
        sequences: the token ids of each text, all above 0. Those longer than the last of
            `lengths` are cut.
        labels: optional, one label for each sequence.
        batch_size: int, sequences in a batch.
        lengths: rising ints, the lengths that sequences are padded to. None takes those of
            `bucket_lengths(sequences)`.
        seed: int or None. With a seed the sequences are shuffled anew for each epoch (each time
            the dataset is iterated over), the same way for the same seed and epoch; without one
            they keep their order within each length.
        first_epoch: int, how many epochs have gone before, when training is taken up again.

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
    if not len(sequences):
        raise ValueError("`sequences` must hold at least one sequence. Received: none")
    if labels is not None and len(labels) != len(sequences):
        raise ValueError(
            "`labels` must hold one label for each of the sequences. "
            f"Received: {len(labels)} labels, {len(sequences)} sequences"
        )
    lengths = _check_lengths(bucket_lengths(sequences) if lengths is None else lengths)
    labels = None if labels is None else np.asarray(labels)
    epochs = itertools.count(first_epoch)

    def epoch():
        rng = None if seed is None else np.random.default_rng((seed, next(epochs)))
        for length, rows in plan_batches(sequences, batch_size, lengths, rng):
            ids = pad([sequences[row] for row in rows], length)
            yield ids if labels is None else (ids, labels[rows])

    signature = tf.TensorSpec((None, None), tf.int32)
    if labels is not None:
        signature = (signature, tf.TensorSpec((None, *labels.shape[1:]), labels.dtype))
    steps = -(-len(sequences) // batch_size)
    dataset = tf.data.Dataset.from_generator(epoch, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)
    return without_tuning(dataset)


def without_tuning(dataset):
    """Switches off the tuning of a `tf.data.Dataset` that leaves nothing to tune.

    The tuner looks after 10 ms, then after twice as long, and so on, and the end of an iteration
    may wait for its next look: an epoch of 1.3 s then takes 2.6 s.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def bucket_lengths(sequences: Sequence[Sequence[int]], num_buckets: int = 8) -> list[int]:
    """Chooses lengths to pad to, so that about equally many sequences go to each.

    Args:
        sequences: the token ids of each text.
        num_buckets: int, how many lengths at most.

    Returns:
        Rising ints, all multiples of 4; the last holds the longest sequence.
    """
    sizes = [len(sequence) for sequence in sequences]
    quantiles = np.quantile(sizes, np.arange(1, num_buckets + 1) / num_buckets)
    # The longest few would otherwise set the length of the whole last bucket.
    quantiles = np.append(quantiles, np.quantile(sizes, [0.95, 0.99]))
    return sorted({max(4, int(-(-quantile // 4) * 4)) for quantile in quantiles})


def plan_batches(
    sequences: Sequence[Sequence[int]],
    batch_size: int,
    lengths: Sequence[int],
    rng: np.random.Generator | None = None,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the padded length and the row numbers of each batch of one epoch.

    Args:
        sequences: the token ids of each text.
        batch_size: int, sequences in a batch.
        lengths: rising ints, the lengths to choose from.
        rng: shuffles rows and batches; None keeps the rows' order within each length.

    Yields:
        Pairs of int and an integer array of shape `(batch_size,)`, or shorter once.
    """
    rows = np.arange(len(sequences))
    if rng:
        rng.shuffle(rows)
    sizes = np.minimum([len(sequences[row]) for row in rows], lengths[-1])
    buckets = np.searchsorted(lengths, sizes)
    batches, left = [], rows[:0]
    for bucket, length in enumerate(lengths):
        waiting = np.concatenate([left, rows[buckets == bucket]])
        full = len(waiting) // batch_size * batch_size
        batches += [(length, batch) for batch in waiting[:full].reshape(-1, batch_size)]
        left = waiting[full:]
    if len(left):
        batches.append((lengths[-1], left))
    if rng:
        rng.shuffle(batches)
    yield from batches


def pad(sequences: Sequence[Sequence[int]], length: int) -> np.ndarray:
    """Cuts or pads sequences with 0 on the right: int32 of shape `(len(sequences), length)`."""
    ids = np.zeros((len(sequences), length), dtype="int32")
    for row, sequence in zip(ids, sequences, strict=True):
        kept = sequence[:length]
        row[: len(kept)] = kept
    return ids


def _check_lengths(lengths):
    lengths = [check_positive("lengths", int(length)) for length in lengths]
    if not lengths or any(a >= b for a, b in itertools.pairwise(lengths)):
        raise ValueError(f"`lengths` must rise from one to the next. Received: {lengths}")
    return lengths
