"""Dense layers on one long list of vectors."""

from collections.abc import Callable

from keras import ops

from keras_transformers.layers.fast.switch import is_on
from keras_transformers.utils import Tensor


def by_vector(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Applies a function of vectors to floats of shape `(batch, length, dim)`.

    TensorFlow has a single kernel for matrix product, bias and activation, which takes nothing but
    matrices.
    """
    if not is_on("by_vector"):
        return function(x)
    batch, length, dim = ops.shape(x)
    outputs = function(ops.reshape(x, (-1, dim)))
    return ops.reshape(outputs, (batch, length, outputs.shape[-1]))
