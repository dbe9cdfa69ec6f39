"""Texts to sequences of ids without padding."""

import os
from collections.abc import Callable, Iterable

import numpy as np

from keras_transformers.data.tf_data import without_tuning
from keras_transformers.utils import check_texts

BATCH_SIZE = 1024


def encode_texts(texts: Iterable[str], to_ids: Callable) -> list[np.ndarray]:
    """Tokenises texts in batches; returns for each its ids without padding, int32 of one axis.

    `to_ids` goes from a string tensor of shape `(batch,)` to integer ids of shape
    `(batch, length)`, 0 = padding; it is traced for `tf.data`.

    Raises:
        ValueError: if `texts` is a single string or holds something that is no string.
    """
    import tensorflow as tf

    texts = check_texts(texts)
    strings = tf.constant(texts, tf.string, shape=(len(texts),))
    batches = tf.data.Dataset.from_tensor_slices(strings).batch(BATCH_SIZE)
    batches = batches.map(to_ids, num_parallel_calls=os.cpu_count()).prefetch(2)
    batches = without_tuning(batches)
    return [ids[ids != 0].astype("int32") for batch in batches for ids in batch.numpy()]
