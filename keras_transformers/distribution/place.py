"""The one place that knows which backend spreads a training how."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras

from keras_transformers.distribution.placement import Placement
from keras_transformers.distribution.processes import check_distribute
from keras_transformers.distribution.towers import Towers

if TYPE_CHECKING:
    import tensorflow as tf

    Taken = Callable[[tf.data.Dataset[Any]], tf.data.Dataset[Any] | keras.utils.PyDataset]


def place(
    model: keras.Model, distribute: str | None
) -> "contextlib.AbstractContextManager[Taken, None]":
    """Returns a context in which a model is spread over all devices.

    Args:
        model: a built, compiled model with a built optimizer.
        distribute: None for one device, `"data"`, or on JAX `"model"`, see `Placement`.

    Returns:
        A context manager that gives a function from a dataset to what `keras.Model.fit` takes.

    Raises:
        ValueError: if `distribute` is nothing that Keras' backend can do.
    """
    if distribute is None:
        return contextlib.nullcontext(lambda dataset: dataset)
    check_distribute(distribute)
    if keras.backend.backend() == "tensorflow":
        return Towers(model)
    return Placement(model, distribute)
