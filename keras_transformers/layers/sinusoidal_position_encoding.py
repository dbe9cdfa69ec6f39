"""Fixed position encodings."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_transformers")
class SinusoidalPositionEncoding(keras.layers.Layer):
    r"""Adds to each vector sines and cosines of its position, which tell where it stands.

    Vaswani et al., 2017 (arXiv 1706.03762), section 3.5, for the position `t` and the dimensions
    `2i` and `2i + 1` of vectors of `d` numbers:

    \[ P_{t,\,2i} = \sin(t / 10000^{2i/d}), \qquad P_{t,\,2i+1} = \cos(t / 10000^{2i/d}) \]

    `P_{t+k}` is a linear function of `P_t`, the same for all `t`: sine and cosine of one
    wavelength turn by an angle that depends on `k` alone. Nothing is trained and no length is the
    longest.

    Args:
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, dim)`.
        offset: int or integer scalar, the position of the first vector.

    Returns:
        Floats of the shape of `inputs`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import SinusoidalPositionEncoding
        >>> encoding = SinusoidalPositionEncoding()
        >>> np.array(encoding(np.zeros((1, 3, 4)))[0], "float64").round(2).tolist()
        [[0.0, 1.0, 0.0, 1.0], [0.84, 0.54, 0.01, 1.0], [0.91, -0.42, 0.02, 1.0]]
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape):
        return input_shape

    def call(self, inputs, offset=0):
        length, dim = ops.shape(inputs)[1], inputs.shape[-1]
        # In float32 whatever the policy: half precision has no room for large angles.
        positions = ops.cast(ops.arange(length) + offset, "float32")[:, None]
        dimensions = ops.arange(dim)
        even = ops.cast(dimensions - dimensions % 2, "float32")
        angles = positions * ops.exp(even * (-math.log(10_000) / dim))  # (length, dim)
        encoding = ops.where(dimensions % 2 == 0, ops.sin(angles), ops.cos(angles))
        return inputs + ops.cast(encoding, inputs.dtype)
