"""GELU through a tanh."""

import keras

from keras_transformers.utils import Tensor


@keras.saving.register_keras_serializable(package="keras_transformers")
def gelu_tanh(x: Tensor) -> Tensor:
    r"""Computes GELU through a tanh, as the first BERT and the models on TensorFlow Hub do.

    \[ \tfrac{x}{2}\big(1 + \tanh\big(\sqrt{2/\pi}\,(x + 0.044715\,x^3)\big)\big) \]

    (Hendrycks and Gimpel, 2016, arXiv 1606.08415, section 2). It is within 5e-4 of the exact one.

    Args:
        x: floats of any shape.

    Returns:
        Floats of the shape of `x`.

    Example:
        >>> from keras_transformers.layers.gelu_tanh import gelu_tanh
        >>> round(float(gelu_tanh(1.0)), 4)
        0.8412
    """
    return keras.activations.gelu(x, approximate=True)
