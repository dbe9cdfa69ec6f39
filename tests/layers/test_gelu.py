"""GELU in training: the values and gradients of Keras' own, in any precision."""

import keras
import numpy as np
import pytest
from reference import numpy

from keras_transformers.layers.gelu import gelu_tanh, in_training

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
GELUS = [keras.activations.gelu, gelu_tanh]
X = np.concatenate([np.linspace(-12, 12, 401), [-1e4, 1e4]]).astype("float32")


@pytest.mark.parametrize("gelu", GELUS)
def test_values(gelu):
    given, expected = (numpy(f(keras.ops.convert_to_tensor(X))) for f in (in_training(gelu), gelu))
    np.testing.assert_allclose(given, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.skipif(not ON_TENSORFLOW, reason="Keras' own GELU on other backends")
@pytest.mark.parametrize("gelu", GELUS)
def test_gradients(gelu):
    import tensorflow as tf

    x = tf.constant(X)
    gradients = []
    for f in (in_training(gelu), gelu):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = f(x) * tf.sin(x)
        gradients.append(tape.gradient(y, x))
    assert f is not in_training(gelu)
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("gelu", GELUS)
def test_half_precision(gelu, dtype):
    x = keras.ops.cast(np.clip(X, -100, 100), dtype)
    y = in_training(gelu)(x)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    expected = numpy(gelu(keras.ops.cast(x, "float32")))
    np.testing.assert_allclose(numpy(y), expected, rtol=0.02, atol=0.02)


def test_other_activations_stay():
    assert in_training(keras.activations.relu) is keras.activations.relu
