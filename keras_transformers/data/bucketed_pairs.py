"""Batches of sequence pairs, grouped by both lengths."""

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_transformers.data.bucketed_batches import batches_by_key, batches_of_rows, ragged
from keras_transformers.utils import check_positive

if TYPE_CHECKING:
    import tensorflow as tf


def bucketed_pairs(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    *,
    start_id: int,
    end_id: int,
    batch_size: int = 128,
    seed: int | None = None,
    first_epoch: int = 0,
    multiple: int = 1,
) -> "tf.data.Dataset[Any]":
    """Batches sequence pairs with others of like lengths, ready for teacher forcing.

    At each step the decoder is given the target up to that step and is to predict its next token,
    so what it is given is `start_id` and the target, and what it is to predict is the target and
    `end_id`. Each side of a batch is padded with 0 up to the longest sequence it holds. At most
    one batch of an epoch is smaller than `batch_size`, and no pair is lost or cut.

    Args:
        sources: the token ids of each source, all above 0.
        targets: the token ids of each target, all above 0, without start and end.
        start_id: int above 0, the id that begins what the decoder is given.
        end_id: int above 0, the id that ends what the decoder is to predict.
        batch_size: int, pairs in a batch.
        seed: int or None. With a seed the pairs are shuffled anew for each epoch (each time the
            dataset is iterated over), the same way for the same seed and epoch; without one they
            keep their order within each pair of lengths.
        first_epoch: int, how many epochs have gone before, when training is taken up again.
        multiple: int, of which both lengths are made a multiple by padding, as far as the longest
            sequences go. A model compiled by XLA, which compiles anew for each shape, wants few.

    Returns:
        A `tf.data.Dataset` of `((source_ids, decoder_input_ids), decoder_target_ids)`, all int32:
        `source_ids` of shape `(batch_size, source_length)`, the other two of shape
        `(batch_size, target_length + 1)`.

    Raises:
        ValueError: if there are no sources, targets of another number, or a batch size or id that
            is not a positive integer.

    Example:
        >>> from keras_transformers.data import bucketed_pairs
        >>> [batch] = bucketed_pairs([[5, 6], [7]], [[8, 9, 4], [3]], start_id=1, end_id=2)
        >>> (source_ids, decoder_input_ids), decoder_target_ids = batch
        >>> source_ids.numpy().tolist()
        [[7, 0], [5, 6]]
        >>> decoder_input_ids.numpy().tolist()
        [[1, 3, 0, 0], [1, 8, 9, 4]]
        >>> decoder_target_ids.numpy().tolist()
        [[3, 2, 0, 0], [8, 9, 4, 2]]
    """
    import tensorflow as tf

    check_positive("batch_size", batch_size)
    check_positive("start_id", start_id)
    check_positive("end_id", end_id)
    sources, targets = list(sources), list(targets)
    if not sources:
        raise ValueError("`sources` must hold at least one sequence. Received: none")
    if len(targets) != len(sources):
        raise ValueError(
            "`targets` must hold one target for each of the sources. "
            f"Received: {len(targets)} targets, {len(sources)} sources"
        )
    answers = ragged(targets)
    starts, ends = (tf.fill((len(targets), 1), token) for token in (start_id, end_id))
    sides = (
        ragged(sources),
        tf.concat([starts, answers], axis=1),
        tf.concat([answers, ends], axis=1),
    )

    def make_batch(lengths, rows):
        source_ids, decoder_input_ids, decoder_target_ids = (
            tf.gather(side, rows).to_tensor(shape=tf.stack([-1, length]))
            for side, length in zip(sides, (lengths[0], lengths[1], lengths[1]), strict=True)
        )
        return (source_ids, decoder_input_ids), decoder_target_ids

    longest = max(map(len, sources)), max(map(len, targets)) + 1

    def plan(rng):
        return [
            (tuple(map(functools.partial(_round_up, multiple), lengths, longest)), rows)
            for lengths, rows in plan_pairs(sources, targets, batch_size, rng)
        ]

    return batches_of_rows(make_batch, plan, seed, first_epoch)


def _round_up(multiple, length, limit):
    return min(-(-length // multiple) * multiple, limit)


def plan_pairs(
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    batch_size: int,
    rng: np.random.Generator | None = None,
) -> list[tuple[tuple[int, int], np.ndarray]]:
    """Returns both padded lengths and the row numbers of each batch of one epoch.

    Args:
        sources: the token ids of each source.
        targets: the token ids of each target, without start and end.
        batch_size: int, pairs in a batch.
        rng: shuffles rows and batches; None keeps the rows' order within each pair of lengths.

    Returns:
        Pairs of `(source_length, target_length + 1)` and an integer array of shape
        `(batch_size,)`, or shorter once.
    """
    source_sizes, target_sizes = (
        np.array([len(sequence) for sequence in side]) for side in (sources, targets)
    )
    keys = _order_by_both(source_sizes, target_sizes, math.ceil(len(sources) / batch_size))
    return [
        ((int(source_sizes[rows].max()), int(target_sizes[rows].max()) + 1), rows)
        for rows in batches_by_key(keys, batch_size, rng)
    ]


def _order_by_both(source_sizes, target_sizes, num_batches):
    """Returns an int for each row; rows in the order of these are of like lengths on both sides.

    The rows are divided by source length into as many strips as a strip has batches, which leaves
    about as much padding on one side as on the other. Target lengths rise within one strip and
    fall within the next, so that they are alike where a batch lies in two strips.
    """
    num_strips = round(math.sqrt(num_batches))
    shorter_sources = np.searchsorted(np.sort(source_sizes), source_sizes)
    strips = shorter_sources * num_strips // len(source_sizes)
    longest = target_sizes.max()
    steps = np.where(strips % 2, longest - target_sizes, target_sizes)
    return strips * (longest + 1) + steps
