"""What `tf.data` has to know of the backend, and a switch of it."""

from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    import tensorflow as tf


# Of which lengths are a multiple where each is compiled anew.
MULTIPLE = 16


def compiles_each_shape(jit: bool = False) -> bool:
    """Whether a model is compiled anew for each shape, so that batches should be of few.

    JAX compiles always, TensorFlow where XLA is asked for by `jit`.
    """
    return jit or keras.backend.backend() == "jax"


def multiple_of_lengths() -> int:
    """Returns of what the lengths of batches should be a multiple, by padding."""
    return MULTIPLE if compiles_each_shape() else 1


def pad_to_multiple(ids: "tf.Tensor", multiple: int, limit: int | None) -> "tf.Tensor":
    """Pads ids `(batch, length)` with 0 to a multiple, at most to the limit if there is one."""
    import tensorflow as tf

    length = tf.shape(ids)[1]
    missing = -length % multiple
    if limit is not None:
        missing = tf.clip_by_value(missing, 0, tf.maximum(limit - length, 0))
    return tf.pad(ids, [[0, 0], [0, missing]])


def of_few_shapes(batches: "tf.data.Dataset[Any]") -> "tf.data.Dataset[Any]":
    """Pads what the batches of a dataset hold, ids `(batch, length)`, to few different lengths."""
    import tensorflow as tf

    longest = max(tf.nest.flatten(batch)[0].shape[1] for batch in batches)
    return batches.map(
        lambda batch: tf.nest.map_structure(lambda x: pad_to_multiple(x, MULTIPLE, longest), batch)
    )


def without_tuning(dataset: "tf.data.Dataset[Any]") -> "tf.data.Dataset[Any]":
    """Switches off the tuner of a `tf.data.Dataset`, where there is nothing to tune.

    The tuner first checks after 10 ms, then after 20 ms, and so on, and the end of an iteration
    can wait for its next check: an epoch of 1.3 s then takes 2.6 s.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
