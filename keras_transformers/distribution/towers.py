"""A training on several devices of one machine, by TensorFlow."""

import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_transformers.distribution.one_device import OneDevice


class Towers(OneDevice):
    """Computes each batch in parts, one on each of TensorFlow's devices.

    The devices are all GPUs, or without any all logical CPUs. Only the model's call and its
    gradient are divided, by rows: the outputs are put together again, so that loss, metrics,
    clipping and optimizer see the whole batch, as on one device, and the gradient of a variable,
    which lies on the first device, is the sum over all. XLA is off: what it compiles runs on one
    device.

    Three things are not those of one device. Each device draws its own dropout. A layer that looks
    at several rows at once, as a `BatchNormalization`, sees those of its device. And a vector that
    is looked up once for all rows is looked up by each device, which counts where TensorFlow clips
    gradients by their norm.

    (`tf.distribute.MirroredStrategy` clips before it adds up, takes the mean of means where the
    parts are uneven, and fails where Keras executes several steps at once.)

    Args:
        model: a built model, whose inputs and outputs have the batch as first axis.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    def __enter__(self) -> "Towers":
        self.jit_compile = self.model.jit_compile
        self.model.jit_compile = False
        self.model.call = _divided(self.model.call)
        self._forget_traces()
        return self  # the model divides what it is called with

    def __exit__(self, *_: object) -> None:
        del self.model.call  # its class has the undivided one
        self.model.jit_compile = self.jit_compile
        self._forget_traces()

    def _forget_traces(self):
        self.model.train_function = self.model.test_function = None
        self.model.predict_function = None


def _divided(call: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function of whole batches that computes as many parts as there are devices."""
    import tensorflow as tf

    logical = tf.config.list_logical_devices
    devices = [device.name for device in logical("GPU") or logical("CPU")]

    @functools.wraps(call)
    def divided(*args, **kwargs):
        inputs = (args, kwargs)
        rows = tf.shape(next(filter(tf.is_tensor, keras.tree.flatten(inputs))))[0]
        ends = [rows * i // len(devices) for i in range(len(devices) + 1)]
        parts = []
        for device, begin, end in zip(devices, ends[:-1], ends[1:], strict=True):
            # Not every layer can compute no rows: a device without any is given one for nothing.
            part = _rows(inputs, slice(begin, tf.maximum(end, begin + 1)))
            parts.append(_rows(_on_device(device, call, part), slice(end - begin)))
        return keras.tree.map_structure(_joined, *parts)

    return divided


def _on_device(device, call, inputs):
    """Calls a function on a device, which will compute the gradient as well."""
    import tensorflow as tf

    args, kwargs = inputs
    outputs = None

    # Without a gradient of its own TensorFlow would compute it on the first device.
    @tf.custom_gradient
    def tower():
        nonlocal outputs
        with tf.device(device), tf.GradientTape() as tape:
            outputs = call(*args, **kwargs)
        flat = keras.tree.flatten(outputs)

        def gradient(*upstream, variables=()):
            with tf.device(device):
                return (), tape.gradient(flat, variables, output_gradients=upstream)

        return flat, gradient

    flat = tower()
    for x, before in zip(flat, keras.tree.flatten(outputs), strict=True):
        _with_mask(x, _mask(before))
    return keras.tree.pack_sequence_as(outputs, flat)


def _rows(values, rows):
    """Returns some rows of all tensors; they keep their masks."""
    import tensorflow as tf

    def cut(x):
        if not tf.is_tensor(x):
            return x
        return _with_mask(x[rows], None if _mask(x) is None else _mask(x)[rows])

    return keras.tree.map_structure(cut, values)


def _joined(*parts):
    """Returns the rows of all parts, and of their masks."""
    import tensorflow as tf

    masks = [_mask(part) for part in parts]
    mask = None if masks[0] is None else tf.concat(masks, axis=0)
    return _with_mask(tf.concat(parts, axis=0), mask)


def _mask(x):
    return getattr(x, "_keras_mask", None)


def _with_mask(x, mask):
    if mask is not None:
        x._keras_mask = mask
    return x
