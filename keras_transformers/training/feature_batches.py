"""Batches of feature vectors."""

import itertools

import numpy as np

from keras_transformers.data.bucketed_batches import plan_batches, without_tuning


def feature_batches(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    batch_size: int = 128,
    seed: int | None = None,
    first_epoch: int = 0,
):
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

    steps = -(-len(features) // batch_size)
    vectors, answers = tf.constant(features), tf.constant(labels)
    epochs = itertools.count(first_epoch)

    def epoch():
        # One call of Python for a whole epoch; the head's step is shorter than such a call.
        rng = None if seed is None else np.random.default_rng((seed, next(epochs)))
        batches = [
            rows for _, rows in plan_batches(np.ones((len(labels), 1)), batch_size, [1], rng)
        ]
        lengths = [len(rows) for rows in batches]
        yield tf.RaggedTensor.from_row_lengths(np.concatenate(batches), lengths)

    order = tf.data.Dataset.from_generator(
        epoch,
        output_signature=tf.RaggedTensorSpec((steps, None), tf.int64),
    )
    dataset = order.unbatch().map(lambda rows: (tf.gather(vectors, rows), tf.gather(answers, rows)))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(4)
    return without_tuning(dataset)
