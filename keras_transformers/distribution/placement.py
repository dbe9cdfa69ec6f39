"""A training on several devices and machines, by JAX."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras.distribution import DeviceMesh, LayoutMap, TensorLayout

from keras_transformers.distribution.layout_map import layout_map
from keras_transformers.distribution.one_device import OneDevice

if TYPE_CHECKING:
    import tensorflow as tf


class Placement(OneDevice):
    """Spreads a model and its batches over all devices of all processes.

    A step then computes what one device would: the same rows, the same mean over them, the same
    dropout. A batch that does not divide, which is at most the last of an epoch, is computed by
    every device. (`keras.distribution` goes by the first batch and can take no such batch.)

    Args:
        model: a built model; the optimizer of one that is compiled is built too.
        distribute: `"data"` divides each batch among all devices, which all have all weights;
            `"model"` divides the weights, see `layout_map`, among the devices of a process, and
            each batch among the processes.
    """

    def __init__(self, model: keras.Model, distribute: str) -> None:
        import jax

        devices = jax.devices()
        groups = len(devices) if distribute == "data" else jax.process_count()
        names = np.array([f"{device.platform}:{device.id}" for device in devices])
        mesh = DeviceMesh((groups, len(devices) // groups), ["batch", "model"], names)
        self.model = model
        self.groups = groups
        self.layouts = LayoutMap(mesh) if distribute == "data" else layout_map(model, mesh)

    def __enter__(self) -> "Placement":
        for variable in self._variables():
            layout = self.layouts[variable.path]
            values = keras.ops.convert_to_numpy(variable.value)
            variable.assign(self._place(values, layout.axes if layout else ()))
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error:  # the other processes may be gone
            return
        for variable in self._variables():
            variable.assign(to_numpy(variable.value))

    def batches(self, dataset: "tf.data.Dataset[Any]") -> keras.utils.PyDataset:
        """Returns the same batches, of which each process holds its share."""
        return _Shares(dataset, self.rows)

    def rows(self, values: Any) -> Any:
        """Returns the arrays of one batch, divided by rows among the groups of devices."""

        def divided(x):
            return self._place(x, ("batch",) if len(x) % self.groups == 0 else ())

        return keras.tree.map_structure(divided, values)

    def _place(self, values, axes):
        import jax

        layout = TensorLayout(axes, self.layouts.device_mesh).backend_layout
        return jax.make_array_from_callback(values.shape, layout, values.__getitem__)

    def _variables(self):
        optimizer = getattr(self.model, "optimizer", None)
        return [*self.model.variables, *(optimizer.variables if optimizer else [])]


class _Shares(keras.utils.PyDataset):
    """Batches where they are computed with; taken in their order, from 0 on in each epoch."""

    def __init__(self, dataset, divided):
        super().__init__()
        self.dataset = dataset
        self.divided = divided

    @property
    def num_batches(self):
        return len(self.dataset)

    def __getitem__(self, index):
        if index == 0:
            self.batches = self.dataset.as_numpy_iterator()
        return self.divided(next(self.batches))


def to_numpy(value: Any) -> np.ndarray:
    """Returns the whole of an array that may lie in parts; all processes must ask for it."""
    if getattr(value, "is_fully_addressable", True) or value.is_fully_replicated:
        return keras.ops.convert_to_numpy(value)
    from jax.experimental import multihost_utils

    return multihost_utils.process_allgather(value, tiled=True)
