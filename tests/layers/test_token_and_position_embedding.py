import keras
import numpy as np
import pytest
from support.checks import (
    MIXED_TOLERANCE,
    NOT_POSITIVE_INTEGERS,
    MaskProbe,
    check_layer,
    numpy,
    randomise,
    weights_of,
)
from support.equations import embed, masked_average, sinusoids

from keras_transformers.layers import MaskedAveragePooling1D, TokenAndPositionEmbedding

MAXLEN, VOCAB_SIZE, EMBED_DIM = 20, 50, 6


def built(rng, **kwargs):
    embedding = TokenAndPositionEmbedding(MAXLEN, VOCAB_SIZE, EMBED_DIM, **kwargs)
    embedding.build((None, None))
    return randomise(embedding, rng)


def padded_ids(rng, length=12):
    """Ids whose rows end in 0, 3, 6 and 9 padding ids."""
    ids = rng.integers(1, VOCAB_SIZE, size=(4, length))
    return np.where(np.arange(length) < length - 3 * np.arange(4)[:, None], ids, 0)


def test_has_the_lessons_number_of_weights():
    embedding = TokenAndPositionEmbedding(256, 20_000, 32)
    embedding.build((None, 256))
    assert embedding.count_params() == 648_192
    assert {name: w.shape for name, w in weights_of(embedding).items()} == {
        "token_embedding/embeddings": (20_000, 32),
        "position_embedding/embeddings": (256, 32),
    }


@pytest.mark.parametrize("length", [1, 7, MAXLEN])
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_equals_the_equation(rng, length, dtype):
    embedding = built(rng)
    ids = rng.integers(0, VOCAB_SIZE, size=(3, length)).astype(dtype)
    np.testing.assert_allclose(
        numpy(embedding(ids)), embed(ids, weights_of(embedding)), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("mask_zero", [True, False])
def test_equals_keras_hub(rng, mask_zero):
    keras_hub = pytest.importorskip("keras_hub")
    ours = built(rng, mask_zero=mask_zero)
    theirs = keras_hub.layers.TokenAndPositionEmbedding(
        VOCAB_SIZE, MAXLEN, EMBED_DIM, mask_zero=mask_zero
    )
    theirs.build((None, None))
    theirs.token_embedding.set_weights(ours.token_embedding.get_weights())
    theirs.position_embedding.set_weights(ours.position_embedding.get_weights())

    ids = padded_ids(rng)
    np.testing.assert_array_equal(numpy(ours(ids)), numpy(theirs(ids)))
    np.testing.assert_array_equal(numpy(MaskProbe()(ours(ids))), numpy(MaskProbe()(theirs(ids))))


def test_padding_never_changes_a_vector(rng):
    embedding = TokenAndPositionEmbedding(256, VOCAB_SIZE, EMBED_DIM)
    ids = rng.integers(1, VOCAB_SIZE, size=(2, 23))
    expected = numpy(embedding(ids))
    for length in (40, 64, 256):
        padded = np.pad(ids, ((0, 0), (0, length - 23)))
        np.testing.assert_allclose(numpy(embedding(padded))[:, :23], expected, rtol=0, atol=1e-5)


# Other positions


def test_sinusoidal_positions_equal_the_papers_formula(rng):
    embedding = built(rng, positions="sinusoidal")
    assert list(weights_of(embedding)) == ["token_embedding/embeddings"]
    ids = padded_ids(rng)
    tokens = weights_of(embedding)["token_embedding/embeddings"][ids]
    expected = tokens * EMBED_DIM**0.5 + sinusoids(range(ids.shape[1]), EMBED_DIM)
    np.testing.assert_allclose(numpy(embedding(ids)), expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(numpy(MaskProbe()(embedding(ids))), ids != 0)


def test_without_maxlen_sinusoidal_positions_have_no_end():
    embedding = TokenAndPositionEmbedding(None, VOCAB_SIZE, EMBED_DIM, positions="sinusoidal")
    assert embedding(np.ones((1, 3000), "int32")).shape == (1, 3000, EMBED_DIM)


@pytest.mark.parametrize("positions", ["trained", "sinusoidal"])
def test_an_offset_is_a_part_of_a_longer_sequence(rng, positions):
    embedding, ids = built(rng, positions=positions), padded_ids(rng)
    whole = numpy(embedding(ids))
    for offset in (0, 1, 5):
        part = numpy(embedding(ids[:, offset : offset + 3], offset=offset))
        np.testing.assert_allclose(part, whole[:, offset : offset + 3], rtol=0, atol=1e-6)


def test_refuses_an_offset_that_leads_beyond_maxlen(rng):
    with pytest.raises(ValueError, match=r"at most maxlen=20 .* length 5 at offset 16"):
        built(rng)(np.ones((1, 5), "int32"), offset=16)


def test_refuses_other_positions():
    with pytest.raises(ValueError, match=r"`positions` must be 'trained' or 'sinusoidal'.*'none'"):
        TokenAndPositionEmbedding(7, 11, 3, positions="none")


# The mask


def test_sends_its_mask_on(rng):
    ids = padded_ids(rng)
    vectors = built(rng)(ids)
    np.testing.assert_array_equal(numpy(MaskProbe()(vectors)), ids != 0)


def test_a_model_averages_over_the_words_alone(rng):
    embedding, ids = built(rng), padded_ids(rng)
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, MaskedAveragePooling1D()(embedding(inputs)))
    expected = masked_average(embed(ids, weights_of(embedding)), ids != 0)
    np.testing.assert_allclose(model.predict(ids, verbose=0), expected, rtol=0, atol=1e-6)


def test_without_mask_zero_id_0_is_a_token_like_any_other(rng):
    embedding, ids = built(rng, mask_zero=False), padded_ids(rng)
    assert embedding.compute_mask(ids) is None
    pooled = MaskedAveragePooling1D()(embedding(ids))
    expected = embed(ids, weights_of(embedding)).mean(axis=1)
    np.testing.assert_allclose(numpy(pooled), expected, rtol=0, atol=1e-6)


# Shapes and lengths


def test_one_model_takes_any_length_up_to_maxlen(rng):
    embedding = built(rng)
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, embedding(inputs))
    for length in (MAXLEN, 1, 5, 13):
        ids = rng.integers(0, VOCAB_SIZE, size=(2, length))
        expected = embed(ids, weights_of(embedding))
        np.testing.assert_allclose(model.predict(ids, verbose=0), expected, rtol=0, atol=1e-6)


TOO_LONG = r"`inputs` must have at most maxlen=20 positions\. Received: .* length 21"


def test_refuses_more_than_maxlen_positions(rng):
    with pytest.raises(ValueError, match=TOO_LONG):
        built(rng)(np.ones((1, MAXLEN + 1), "int32"))


def test_refuses_more_than_maxlen_positions_when_a_model_is_built(rng):
    with pytest.raises(ValueError, match=TOO_LONG):
        built(rng)(keras.Input((MAXLEN + 1,), dtype="int32"))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_model_traced_for_any_length_refuses_more_than_maxlen_positions(rng, jit_compile):
    errors = (ValueError,)
    if keras.backend.backend() == "tensorflow":
        # Where the length is not known while tracing, TensorFlow has to find out when it runs.
        from tensorflow.errors import InvalidArgumentError

        errors = (ValueError, InvalidArgumentError)
    elif keras.backend.backend() == "torch" and jit_compile:
        pytest.skip("torch.compile is slow to compile on a CPU")
    inputs = keras.Input((None,), dtype="int32")
    model = keras.Model(inputs, built(rng)(inputs))
    model.compile(jit_compile=jit_compile)
    for length in (5, 6, 7):
        model.predict(np.ones((1, length), "int32"), verbose=0)
    with pytest.raises(errors):
        model.predict(np.ones((1, MAXLEN + 1), "int32"), verbose=0)


# Training


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_training_step_changes_the_words_and_positions_it_saw(rng, jit_compile):
    if keras.backend.backend() == "torch" and jit_compile:
        pytest.skip("torch.compile is slow to compile on a CPU")
    embedding, ids = built(rng), padded_ids(rng)
    inputs = keras.Input((12,), dtype="int32")
    model = keras.Model(inputs, MaskedAveragePooling1D()(embedding(inputs)))
    model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=jit_compile)
    before = weights_of(embedding)
    model.fit(ids, np.ones((4, EMBED_DIM)), batch_size=4, verbose=0)
    after = weights_of(embedding)

    # Row i's mean y_i moves by -2 (y_i - 1) / (4 EMBED_DIM), a share of it for each of its words.
    mask = ids != 0
    difference = masked_average(embed(ids, before), mask) - 1
    tokens = before["token_embedding/embeddings"].copy()
    positions = before["position_embedding/embeddings"].copy()
    for i, t in np.argwhere(mask):
        step = 2 * difference[i] / difference.size / mask[i].sum()
        tokens[ids[i, t]] -= step
        positions[t] -= step
    np.testing.assert_allclose(after["token_embedding/embeddings"], tokens, atol=1e-6)
    np.testing.assert_allclose(after["position_embedding/embeddings"], positions, atol=1e-6)
    assert np.abs(tokens - before["token_embedding/embeddings"]).max() > 1e-3


# Precision


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(rng, policy):
    embedding, ids = built(rng, dtype=policy), padded_ids(rng)
    outputs = embedding(ids)
    compute_dtype = policy.removeprefix("mixed_")
    assert keras.backend.standardize_dtype(outputs.dtype) == compute_dtype
    assert embedding(keras.Input((None,), dtype="int32")).dtype == compute_dtype
    assert {w.dtype for w in embedding.weights} == {"float32"}
    np.testing.assert_allclose(
        numpy(outputs), embed(ids, weights_of(embedding)), rtol=0, atol=MIXED_TOLERANCE[policy]
    )
    np.testing.assert_array_equal(numpy(MaskProbe()(outputs)), ids != 0)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_ids_that_come_as_floats_are_not_rounded(rng, policy):
    # `keras.Input` makes them float32 unless told otherwise; bfloat16 ends at 256.
    embedding = TokenAndPositionEmbedding(MAXLEN, 20_000, EMBED_DIM, dtype=policy)
    ids = rng.integers(0, 20_000, size=(3, 8))
    np.testing.assert_array_equal(
        numpy(embedding(ids.astype("float32"))), numpy(embedding(ids.astype("int32")))
    )


def test_owes_what_every_layer_owes(predict_in_another_process):
    arguments = {"maxlen": 15, "vocab_size": 11, "embed_dim": 3, "mask_zero": False}
    arguments |= {"positions": "sinusoidal"}
    ids = np.random.default_rng(0).integers(0, 11, (2, 7)).astype("int32")
    check_layer(TokenAndPositionEmbedding, arguments, [ids], predict_in_another_process)


# Errors


@pytest.mark.parametrize("name", ["maxlen", "vocab_size", "embed_dim"])
@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_refuses_sizes_that_are_not_positive_integers(name, value):
    sizes = {"maxlen": 7, "vocab_size": 11, "embed_dim": 3, name: value}
    message = f"`{name}` must be a positive integer. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        TokenAndPositionEmbedding(**sizes)


def test_mask_zero_is_keyword_only():
    with pytest.raises(TypeError, match="positional arguments"):
        TokenAndPositionEmbedding(7, 11, 3, True)
