"""GELU in training: the values and gradients of Keras' own, in any precision."""

import keras
import numpy as np
import pytest
from support.checks import numpy

from keras_transformers.layers.fast import Activation
from keras_transformers.layers.gelu_tanh import gelu_tanh

GELUS = [keras.activations.gelu, gelu_tanh]
X = np.concatenate([np.linspace(-12, 12, 401), [-1e4, 1e4]]).astype("float32")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("gelu", GELUS)
def test_values(gelu, training):
    given = Activation(gelu)(X, training=training)
    expected = gelu(keras.ops.convert_to_tensor(X))
    np.testing.assert_allclose(numpy(given), numpy(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("gelu", GELUS)
def test_half_precision(gelu, dtype):
    x = keras.ops.cast(np.clip(X, -100, 100), dtype)
    y = Activation(gelu, dtype=dtype)(x, training=True)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    expected = numpy(gelu(keras.ops.cast(x, "float32")))
    np.testing.assert_allclose(numpy(y), expected, rtol=0.02, atol=0.02)


def test_other_activations_stay():
    given = Activation("relu")(X, training=True)
    np.testing.assert_array_equal(numpy(given), np.maximum(X, 0))
