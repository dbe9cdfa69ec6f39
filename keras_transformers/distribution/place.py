"""The one place that knows which backend spreads a training how."""

import keras

from keras_transformers.distribution.one_device import OneDevice
from keras_transformers.distribution.placement import Placement
from keras_transformers.distribution.processes import check_distribute
from keras_transformers.distribution.towers import Towers


def place(model: keras.Model, distribute: str | None) -> OneDevice:
    """Returns a context in which a model is spread over all devices.

    Args:
        model: a built model; the optimizer of one that is compiled is built too.
        distribute: None for one device, `"data"`, or on JAX `"model"`, see `Placement`.

    Returns:
        A context manager that gives itself; its `batches` and `rows` take data to the devices.

    Raises:
        ValueError: if `distribute` is nothing that Keras' backend can do.
    """
    if distribute is None:
        return OneDevice()
    check_distribute(distribute)
    if keras.backend.backend() == "tensorflow":
        return Towers(model)
    return Placement(model, distribute)
