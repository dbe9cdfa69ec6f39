"""Batches of feature vectors."""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_transformers.data.bucketed_batches import batches_of_rows, plan_batches

if TYPE_CHECKING:
    import tensorflow as tf


def feature_batches(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    batch_size: int = 128,
    seed: int | None = None,
    first_epoch: int = 0,
) -> "tf.data.Dataset[Any]":
    """Batches vectors, shuffled as `bucketed_batches` shuffles sequences of a single length.

    Args:
        features: floats of shape `(rows, dim)`.
        labels: array of shape `(rows,)`.
        batch_size: int, rows in a batch; the last batch may be smaller.
        seed: int or None, as for `bucketed_batches`.
        first_epoch: int, how many epochs have gone before.

    Returns:
        A `tf.data.Dataset` of `(features, labels)`.
    """
    import tensorflow as tf

    vectors, answers = tf.constant(features), tf.constant(labels)
    one_length = np.ones((len(labels), 1))
    return batches_of_rows(
        lambda _, rows: (tf.gather(vectors, rows), tf.gather(answers, rows)),
        lambda rng: plan_batches(one_length, batch_size, [1], rng),
        seed,
        first_epoch,
    )
