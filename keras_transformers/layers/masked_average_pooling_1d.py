"""Mean over the positions that are not padding."""

from typing import Any

import keras
from keras import ops

from keras_transformers.layers.masks import check_mask_of_keys


@keras.saving.register_keras_serializable(package="keras_transformers")
class MaskedAveragePooling1D(keras.layers.Layer):
    r"""Averages over the positions of a sequence that are not padding.

    \[ y = \frac{\sum_t m_t x_t}{\max(1, \sum_t m_t)} \]

    with the mask `m` (Reimers and Gurevych, 2019, arXiv 1908.10084, section 3, call it the MEAN
    strategy). Unlike `keras.layers.GlobalAveragePooling1D`, a sequence that is all padding gives
    zeros, not NaN, and what is masked has no influence, be it NaN or infinite.

    Args:
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, dim)`.
        mask: optional boolean mask of shape `(batch, length)`, or 0 and 1 as integers or floats,
            True = attend. Left out, the mask that came along with `inputs` is used; without one,
            every position counts.

    Returns:
        Floats of shape `(batch, dim)`.

    Raises:
        ValueError: if `mask` is of another shape, or holds other numbers; these go unseen while a
            backend traces.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import MaskedAveragePooling1D
        >>> x = np.array([[[1.0], [3.0], [100.0]]])
        >>> MaskedAveragePooling1D()(x, mask=np.array([[True, True, False]])).shape
        TensorShape([1, 1])
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.built = True

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.mean(inputs, axis=1)
        check_mask_of_keys(mask, inputs, "mask", floats=True)
        # What is masked becomes 0 first, for 0 times NaN is NaN.
        inputs = ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), inputs, 0)
        mask = ops.cast(mask, inputs.dtype)
        count = ops.sum(mask, axis=1, keepdims=True)
        # Not a sum: in half precision a product of matrices adds up more exactly.
        return ops.einsum("bt,btd->bd", mask, inputs) / ops.maximum(count, 1)

    def compute_mask(self, inputs, previous_mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])
