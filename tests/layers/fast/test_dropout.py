"""Dropout: how much falls, what is left, when; its gradient; one seed, one result."""

import keras
import numpy as np
import pytest
from support.checks import numpy

from keras_transformers.layers.fast import Dropout

X = np.random.default_rng(0).normal(3, 1, (200, 50)).astype("float32")


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_what_falls_and_what_is_left(rate):
    outputs = numpy(Dropout(rate, seed=1)(X, training=True))
    kept = outputs != 0
    assert abs(kept.mean() - (1 - rate)) < 0.02
    np.testing.assert_allclose(outputs[kept], X[kept] / (1 - rate), rtol=1e-6)


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.5, None), (0.0, True)])
def test_leaves_all_as_it_is(rate, training):
    np.testing.assert_array_equal(numpy(Dropout(rate)(X, training=training)), X)


def test_each_call_draws_anew_and_a_seed_repeats_them():
    layers = [Dropout(0.5, seed=7) for _ in range(2)]
    first, again = ([numpy(layer(X, training=True)) for _ in range(2)] for layer in layers)
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(dtype):
    outputs = Dropout(0.1, dtype=dtype)(X, training=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype.removeprefix("mixed_")
    assert abs((numpy(outputs) != 0).mean() - 0.9) < 0.02


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient tape")
def test_the_gradient_falls_where_the_output_does():
    import tensorflow as tf

    layer, x = Dropout(0.4), tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = layer(x, training=True)
    gradient = tape.gradient(outputs, x)
    np.testing.assert_allclose(gradient, np.where(outputs.numpy() != 0, 1 / 0.6, 0), rtol=1e-6)
