"""GELU with its gradient written out."""

import math

import keras
from keras import ops

from keras_transformers.layers.fast.switch import is_on
from keras_transformers.layers.gelu_tanh import gelu_tanh


class Activation(keras.layers.Activation):
    r"""Applies an activation function; in training, a GELU with its gradient written out.

    A GELU is `x` times a share of it, exactly \( \Phi(x) \), the standard normal distribution:

    \[ y = x \, p(x), \qquad \frac{\partial y}{\partial x} = p(x) + x \, p'(x) \]

    TensorFlow's own way back takes more operations, and those in half precision are slow. Where
    no gradient is wanted the function itself is faster: TensorFlow has one kernel for it and the
    dense layer in front. On other backends nothing is replaced.

    Args:
        activation: the function, as `keras.layers.Activation` takes it.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of any shape.
        training: optional bool.

    Returns:
        Floats of the shape of `inputs`.
    """

    def call(self, inputs, training=None):
        replace = training and is_on("gelu") and keras.backend.backend() == "tensorflow"
        forms = {keras.activations.gelu: _gelu, gelu_tanh: _gelu_tanh} if replace else {}
        return forms.get(self.activation, self.activation)(inputs)


def _gelu(x):
    def share(x):
        return 0.5 + 0.5 * ops.erf(math.sqrt(0.5) * x)

    def slope(x, p):
        return ops.exp(-0.5 * ops.square(x)) * (1 / math.sqrt(2 * math.pi))

    return _share_of(x, share, slope)


def _gelu_tanh(x):
    k, cube = math.sqrt(2 / math.pi), 0.044715

    def share(x):
        return 0.5 + 0.5 * ops.tanh(k * x * (1 + cube * ops.square(x)))

    def slope(x, p):
        return 2 * k * p * (1 - p) * (1 + 3 * cube * ops.square(x))

    return _share_of(x, share, slope)


def _share_of(x, share, slope):
    @ops.custom_gradient
    def activate(x):
        p = share(x)

        def gradient(g):
            return g * (p + x * slope(x, p))

        return x * p, gradient

    return ops.cast(activate(ops.cast(x, "float32")), x.dtype)
