import keras
import numpy as np
import pytest
from support.checks import MaskProbe, check_layer, numpy, random_mask, with_implicit_mask
from support.equations import masked_average

from keras_transformers.layers import MaskedAveragePooling1D

BATCH, LENGTH, DIM = 5, 9, 4


def random_inputs(rng, length=LENGTH):
    return rng.normal(size=(BATCH, length, DIM)).astype("float32")


@pytest.mark.parametrize("length", [1, LENGTH, 100])
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_equals_the_equation(rng, length, dtype):
    x, mask = random_inputs(rng, length=length), random_mask(rng, BATCH, length)
    mask[3] = False
    pooled = MaskedAveragePooling1D()(x, mask=mask.astype(dtype))
    np.testing.assert_allclose(numpy(pooled), masked_average(x, mask), rtol=0, atol=1e-6)


def test_equals_keras_where_a_word_is_left(rng):
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    expected = keras.layers.GlobalAveragePooling1D()(x, mask=keras.ops.convert_to_tensor(mask))
    pooled = MaskedAveragePooling1D()(x, mask=mask)
    np.testing.assert_allclose(numpy(pooled), numpy(expected), rtol=0, atol=1e-6)


def test_takes_the_mask_that_comes_along(rng):
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    pooled = MaskedAveragePooling1D()(with_implicit_mask(x, mask))
    np.testing.assert_allclose(numpy(pooled), masked_average(x, mask), rtol=0, atol=1e-6)


def test_takes_the_given_mask_instead_of_the_one_that_comes_along(rng):
    x = random_inputs(rng)
    carried, given = random_mask(rng, BATCH, LENGTH), random_mask(rng, BATCH, LENGTH)
    pooled = MaskedAveragePooling1D()(with_implicit_mask(x, carried), mask=given)
    expected = masked_average(x * carried[..., None], given)
    np.testing.assert_allclose(numpy(pooled), expected, rtol=0, atol=1e-6)


def test_without_a_mask_every_position_counts(rng):
    x = random_inputs(rng)
    np.testing.assert_allclose(
        numpy(MaskedAveragePooling1D()(x)), x.mean(axis=1), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("implicit", [False, True])
def test_a_row_of_padding_alone_gives_zeros(rng, dtype, implicit):
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    mask[[1, 4]] = False
    pooling = MaskedAveragePooling1D(dtype=dtype)
    pooled = pooling(with_implicit_mask(x, mask)) if implicit else pooling(x, mask=mask)
    assert (numpy(pooled)[[1, 4]] == 0).all()
    assert (numpy(pooled)[[0, 2, 3]] != 0).all()


def test_padding_never_changes_the_average(rng):
    pooling, x = MaskedAveragePooling1D(), random_inputs(rng, length=23)
    expected = numpy(pooling(x))
    for length in (40, 64, 256):
        # Whatever stands in the padding.
        padded = np.concatenate([x, 100 * random_inputs(rng, length=length - 23)], axis=1)
        mask = np.broadcast_to(np.arange(length) < 23, (BATCH, length))
        np.testing.assert_allclose(numpy(pooling(padded, mask=mask)), expected, rtol=0, atol=1e-5)


def test_sends_no_mask_on(rng):
    inputs = with_implicit_mask(random_inputs(rng), random_mask(rng, BATCH, LENGTH))
    pooled = MaskedAveragePooling1D()(inputs)
    np.testing.assert_array_equal(numpy(MaskProbe()(pooled)), numpy(pooled))


@pytest.mark.parametrize("length", [None, LENGTH])
@pytest.mark.parametrize("masked", [False, True])
def test_a_functional_model_equals_the_equation(rng, length, masked):
    inputs = keras.Input((length, DIM))
    masks = [keras.Input((length,), dtype="bool")] if masked else []
    outputs = MaskedAveragePooling1D()(inputs, *masks)
    assert outputs.shape == (None, DIM)
    assert outputs.dtype == "float32"

    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    model = keras.Model([inputs, *masks], outputs)
    predicted = model.predict([x, mask] if masked else [x], verbose=0)
    expected = masked_average(x, mask) if masked else x.mean(axis=1)
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_training_step_equals_one_on_averages_taken_before(rng, jit_compile):
    if keras.backend.backend() == "torch" and jit_compile:
        pytest.skip("torch.compile is slow to compile on a CPU")
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    mask[2] = False
    targets = rng.normal(size=(BATCH, 3)).astype("float32")
    # Without a bias the mean of the products is the product of the mean.
    dense = keras.layers.Dense(3, use_bias=False)
    inputs, mask_input = keras.Input((LENGTH, DIM)), keras.Input((LENGTH,), dtype="bool")
    outputs = MaskedAveragePooling1D()(dense(inputs), mask=mask_input)
    model = keras.Model([inputs, mask_input], outputs)
    model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=jit_compile)
    kernel = numpy(dense.kernel).astype("float64")
    model.fit([x, mask], targets, batch_size=BATCH, verbose=0)

    averages = masked_average(x.astype("float64"), mask)
    gradient = 2 * averages.T @ (averages @ kernel - targets) / targets.size
    np.testing.assert_allclose(numpy(dense.kernel), kernel - 0.5 * gradient, rtol=0, atol=1e-6)
    assert np.abs(gradient).max() > 1e-2


@pytest.mark.parametrize(
    ("policy", "tolerance"), [("mixed_float16", 5e-3), ("mixed_bfloat16", 3e-2)]
)
@pytest.mark.parametrize("length", [LENGTH, 1001])
def test_mixed_precision(rng, policy, tolerance, length):
    # 1001 positions: bfloat16 cannot count so far one by one.
    pooling = MaskedAveragePooling1D(dtype=policy)
    x, mask = 1 + random_inputs(rng, length=length), random_mask(rng, BATCH, length)
    pooled = pooling(x, mask=mask)
    compute_dtype = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(pooled.dtype) == compute_dtype
    assert pooling(keras.Input((None, DIM))).dtype == compute_dtype
    np.testing.assert_allclose(numpy(pooled), masked_average(x, mask), rtol=0, atol=tolerance)


def test_owes_what_every_layer_owes(rng, predict_in_another_process):
    inputs = [random_inputs(rng)]
    check_layer(MaskedAveragePooling1D, {}, inputs, predict_in_another_process, sends_mask=False)
