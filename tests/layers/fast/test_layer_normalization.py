"""Layer normalisation: values and gradients against Keras' own; half precision; saved."""

import json

import keras
import numpy as np
import pytest
from support.checks import MIXED_TOLERANCE, numpy

from keras_transformers.layers.fast import LayerNormalization

SHAPE = (3, 5, 8)


def both(rng, **options):
    """Ours and Keras' with the same weights."""
    layers = [
        layer(epsilon=1e-6, **options)
        for layer in (LayerNormalization, keras.layers.LayerNormalization)
    ]
    weights = [rng.normal(size=SHAPE[-1:]) for _ in range(2)]
    for layer in layers:
        layer.build(SHAPE)
        layer.set_weights(weights)
    return layers


@pytest.mark.parametrize("shift", [0, 100])
def test_equals_keras(rng, shift):
    ours, theirs = both(rng)
    x = rng.normal(shift, 3, SHAPE).astype("float32")
    np.testing.assert_allclose(
        numpy(ours(x)), numpy(theirs(x)), rtol=0, atol=2e-4 if shift else 5e-6
    )


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(rng, dtype):
    ours, theirs = both(rng, dtype=dtype)
    x = rng.normal(size=SHAPE).astype("float32")
    outputs = ours(x)
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(numpy(outputs), numpy(theirs(x)), atol=MIXED_TOLERANCE[dtype])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient tape")
@pytest.mark.parametrize("jit", [False, True])
def test_gradients_equal_those_of_keras(rng, jit):
    import tensorflow as tf

    x = tf.constant(rng.normal(size=SHAPE), "float32")
    upstream = tf.constant(rng.normal(size=SHAPE), "float32")

    def gradients(layer):
        @tf.function(jit_compile=jit)
        def step():
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x) * upstream)
            return tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])

        return step()

    for ours, theirs in zip(*map(gradients, both(rng)), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-5)


def test_config_survives_a_round_trip():
    layer = LayerNormalization(epsilon=1e-5, name="norm")
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is LayerNormalization
    assert again.get_config() == layer.get_config()
