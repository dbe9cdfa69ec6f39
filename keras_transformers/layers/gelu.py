"""GELU: its tanh approximation, and both of them as they are trained fastest."""

import math
from collections.abc import Callable

import keras
from keras import ops

_CUBE = 0.044715


@keras.saving.register_keras_serializable(package="keras_transformers")
def gelu_tanh(x):
    r"""GELU through a tanh, as the first BERT and the models on TensorFlow Hub compute it.

    \[ \tfrac{x}{2}\big(1 + \tanh\big(\sqrt{2/\pi}\,(x + 0.044715\,x^3)\big)\big) \]

    (Hendrycks and Gimpel, 2016, arXiv 1606.08415, section 2). It is within 5e-4 of the exact one.

    Args:
        x: floats of any shape.

    Returns:
        Floats of the shape of `x`.

    Example:
        >>> from keras_transformers.layers.gelu import gelu_tanh
        >>> round(float(gelu_tanh(1.0)), 4)
        0.8412
    """
    return keras.activations.gelu(x, approximate=True)


def in_training(activation: Callable) -> Callable:
    r"""Gives an activation for use in training: for a GELU one with its gradient written out.

    A GELU is `x` times a share of it, exactly \( \Phi(x) \), the standard normal distribution:

    \[ y = x \, p(x), \qquad \frac{\partial y}{\partial x} = p(x) + x \, p'(x) \]

    TensorFlow's own way back takes more operations, and those in half precision are slow.
    Where no gradient is wanted the activation itself is faster: TensorFlow has one kernel for it
    and the layer in front.

    Args:
        activation: a function from floats of any shape to floats of that shape.

    Returns:
        Such a function, of the same values and dtype; `activation` itself if it is no GELU, or on
        another backend than TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        return activation
    return {keras.activations.gelu: _gelu, gelu_tanh: _gelu_tanh}.get(activation, activation)


def _gelu(x):
    def share(x):
        return 0.5 + 0.5 * ops.erf(math.sqrt(0.5) * x)

    def slope(x, p):
        return ops.exp(-0.5 * ops.square(x)) * (1 / math.sqrt(2 * math.pi))

    return _share_of(x, share, slope)


def _gelu_tanh(x):
    k = math.sqrt(2 / math.pi)

    def share(x):
        return 0.5 + 0.5 * ops.tanh(k * x * (1 + _CUBE * ops.square(x)))

    def slope(x, p):
        return 2 * k * p * (1 - p) * (1 + 3 * _CUBE * ops.square(x))

    return _share_of(x, share, slope)


def _share_of(x, share, slope):
    @ops.custom_gradient
    def activate(x):
        p = share(x)

        def gradient(g):
            return g * (p + x * slope(x, p))

        return x * p, gradient

    return ops.cast(activate(ops.cast(x, "float32")), x.dtype)
