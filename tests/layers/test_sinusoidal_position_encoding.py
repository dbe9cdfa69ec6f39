"""Fixed positions: against the formula, at any length and offset."""

import keras
import numpy as np
import pytest
from support.checks import check_layer, numpy
from support.equations import sinusoids

from keras_transformers.layers import SinusoidalPositionEncoding


def encoding(length, dim, **call):
    return numpy(SinusoidalPositionEncoding()(np.zeros((1, length, dim), "float32"), **call))[0]


@pytest.mark.parametrize("dim", [2, 7, 64])
@pytest.mark.parametrize("length", [1, 5, 300])
def test_equals_the_formula(length, dim):
    np.testing.assert_allclose(
        encoding(length, dim), sinusoids(range(length), dim), rtol=0, atol=1e-4
    )


def test_is_added_to_what_comes_in(rng):
    x = rng.normal(size=(2, 5, 8)).astype("float32")
    given = numpy(SinusoidalPositionEncoding()(x))
    np.testing.assert_allclose(given, x + sinusoids(range(5), 8), rtol=0, atol=1e-6)


@pytest.mark.parametrize("offset", [0, 1, 37])
def test_an_offset_is_a_part_of_a_longer_one(offset):
    np.testing.assert_allclose(
        encoding(4, 16, offset=offset), encoding(41, 16)[offset : offset + 4], rtol=0, atol=1e-6
    )


def test_a_distance_is_a_rotation_wherever_it_begins():
    table, distance = encoding(60, 8).astype("float64"), 9
    for i in range(4):
        angle = distance / 10_000 ** (2 * i / 8)
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        pair = table[:, 2 * i : 2 * i + 2]
        np.testing.assert_allclose(
            pair[distance:], pair[:-distance] @ np.transpose(turn), atol=1e-5
        )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_far_positions_are_told_apart_in_half_precision(policy):
    layer = SinusoidalPositionEncoding(dtype=policy)
    outputs = layer(np.zeros((1, 2, 64)), offset=5000)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    np.testing.assert_allclose(numpy(outputs)[0], sinusoids([5000, 5001], 64), atol=1e-2)


def test_owes_what_every_layer_owes(predict_in_another_process):
    x = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    check_layer(SinusoidalPositionEncoding, {}, [x], predict_in_another_process, sends_mask=True)
