"""Layer normalisation with its gradient written out."""

from typing import Any

import keras
from keras import ops

from keras_transformers.layers.fast.switch import is_on


@keras.saving.register_keras_serializable(package="keras_transformers")
class LayerNormalization(keras.layers.LayerNormalization):
    r"""Normalises each vector to mean 0 and variance 1, then scales and shifts it.

    Ba et al., 2016 (arXiv 1607.06450), section 3, over the last axis of `d` numbers:

    \[ \hat{x} = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}, \qquad
       y = \gamma \odot \hat{x} + \beta \]

    The gradient is written in closed form instead of being derived step by step:

    \[ \frac{\partial L}{\partial x} = \frac{1}{\sqrt{\sigma^2 + \epsilon}}
       \Big( g - \frac{1}{d}\sum_i g_i - \hat{x} \, \frac{1}{d}\sum_i g_i \hat{x}_i \Big),
       \qquad g = \frac{\partial L}{\partial \hat{x}} \]

    On other backends it is `keras.layers.LayerNormalization`.

    Args:
        epsilon: float, added to the variance.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats, the vectors in the last axis.

    Returns:
        Floats of the shape of `inputs`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers.fast import LayerNormalization
        >>> LayerNormalization(epsilon=1e-6)(np.array([[1.0, 3.0]])).numpy().round(3).tolist()
        [[-1.0, 1.0]]
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs):
        if keras.backend.backend() != "tensorflow" or not is_on("layer_normalization"):
            return super().call(inputs)
        # Half precision has too few digits for a variance.
        x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        gamma, beta = ops.cast(self.gamma, x.dtype), ops.cast(self.beta, x.dtype)
        return ops.cast(_normalise(x, self.epsilon) * gamma + beta, self.compute_dtype)


def _normalise(x, epsilon):
    def mean(values):
        return ops.mean(values, axis=-1, keepdims=True)

    @ops.custom_gradient
    def normalise(x):
        centred = x - mean(x)
        scale = ops.rsqrt(mean(ops.square(centred)) + epsilon)
        normal = centred * scale

        def gradient(g):
            return scale * (g - mean(g) - normal * mean(g * normal))

        return normal, gradient

    return normalise(x)
