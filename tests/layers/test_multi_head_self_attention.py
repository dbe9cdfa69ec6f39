"""Self-attention: against Keras' own layer and the equations; its masks, saved, and refusals."""

import keras
import numpy as np
import pytest
from reference import (
    MIXED_TOLERANCE,
    NOT_POSITIVE_INTEGERS,
    multi_head_attention,
    numpy,
    random_mask,
    weights_of,
    with_implicit_mask,
)

from keras_transformers.layers import MultiHeadSelfAttention

BATCH, LENGTH, DIM = 3, 7, 8


def built(rng, num_heads=2, key_dim=5, **options):
    attention = MultiHeadSelfAttention(num_heads, key_dim, **options)
    attention.build((None, None, DIM))
    attention.set_weights([rng.normal(0, 0.5, w.shape) for w in attention.get_weights()])
    return attention


def random_inputs(rng):
    return rng.normal(size=(BATCH, LENGTH, DIM)).astype("float32")


@pytest.mark.parametrize("masks", ["none", "keys", "pairs"])
@pytest.mark.parametrize(("num_heads", "key_dim"), [(1, 8), (2, 5), (4, 2), (3, 12)])
def test_equals_keras(rng, num_heads, key_dim, masks):
    ours, x = built(rng, num_heads, key_dim), random_inputs(rng)
    theirs = keras.layers.MultiHeadAttention(num_heads, key_dim)
    theirs.build(x.shape, x.shape)
    for variable, value in zip(theirs.weights, ours.get_weights(), strict=True):
        variable.assign(value.reshape(variable.shape))
    pairs = random_mask(rng, BATCH, LENGTH, LENGTH) | np.eye(LENGTH, dtype=bool)
    mask = {"none": None, "keys": pairs[:, 0], "pairs": pairs}[masks]
    per_query = mask[:, None] if masks == "keys" else mask
    outputs, weights = ours(x, attention_mask=mask, return_attention_scores=True)
    expected = theirs(x, x, attention_mask=per_query, return_attention_scores=True)
    np.testing.assert_allclose(numpy(outputs), numpy(expected[0]), rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(numpy(weights), numpy(expected[1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("explicit", [None, "keys", "pairs"])
@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("key_dim", [5, DIM])
def test_equals_the_equations(rng, key_dim, explicit, implicit):
    attention, x = built(rng, key_dim=key_dim), random_inputs(rng)
    inputs, mask, allowed = x, None, np.ones((BATCH, LENGTH, LENGTH), bool)
    if explicit:
        mask = random_mask(rng, BATCH, *([LENGTH] if explicit == "keys" else [LENGTH, LENGTH]))
        allowed &= mask[:, None] if explicit == "keys" else mask
    if implicit:
        padding = random_mask(rng, BATCH, LENGTH)
        inputs, x = with_implicit_mask(x, padding), x * padding[..., None]
        allowed &= padding[:, None]
    outputs, weights = attention(inputs, attention_mask=mask, return_attention_scores=True)
    expected = multi_head_attention(x, weights_of(attention), 2, allowed, prefix="")
    np.testing.assert_allclose(numpy(outputs), expected[0], rtol=0, atol=5e-6)
    np.testing.assert_allclose(numpy(weights), expected[1], rtol=0, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient tape")
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_few_queries_have_the_gradients_of_all(rng, dropout):
    import tensorflow as tf

    attention, x = built(rng, dropout=dropout), tf.constant(random_inputs(rng))
    # Dropout of whole rows, so that all and few can be given the same.
    kept = np.array([2.0, 0, 2], "float32").reshape(BATCH, 1, 1, 1)
    attention.dropout_layer = lambda weights, training: weights * (kept if dropout else 1)
    mask = random_mask(rng, BATCH, LENGTH)
    gradients = []
    for options in ({"num_queries": 2}, {}):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = attention(x, attention_mask=mask, **options)
            loss = tf.reduce_mean(outputs[:, :2] ** 3)
        gradients.append(tape.gradient(loss, [x, *attention.trainable_variables]))
    for ours, expected in zip(*gradients, strict=True):
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient tape")
def test_folded_weights_have_the_gradients_of_their_factors(rng):
    import tensorflow as tf

    attention, x = built(rng, key_dim=DIM), tf.constant(random_inputs(rng))
    mask = random_mask(rng, BATCH, LENGTH)
    gradients = []
    for folded in (True, False):
        assert attention.folded
        attention.folded = folded
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_mean(attention(x, attention_mask=mask) ** 3)
        gradients.append(tape.gradient(loss, [x, *attention.trainable_variables]))
        attention.folded = True
    for ours, expected in zip(*gradients, strict=True):
        scale = max(1, np.abs(expected).max())
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("key_dim", "dropout", "folded"), [(7, 0, False), (8, 0.1, False), (8, 0, True)]
)
def test_folds_where_heads_are_as_wide_as_the_input(rng, key_dim, dropout, folded):
    assert built(rng, key_dim=key_dim, dropout=dropout).folded == folded


@pytest.mark.parametrize("policy", list(MIXED_TOLERANCE))
@pytest.mark.parametrize("key_dim", [5, DIM])
def test_mixed_precision(rng, policy, key_dim):
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    whole = built(rng, key_dim=key_dim)
    mixed = MultiHeadSelfAttention(2, key_dim, dtype=policy)
    mixed.build((None, None, DIM))
    mixed.set_weights(whole.get_weights())
    outputs, weights = mixed(x, attention_mask=mask, return_attention_scores=True)
    assert keras.backend.standardize_dtype(outputs.dtype) == policy.removeprefix("mixed_")
    assert (np.moveaxis(numpy(weights), 3, 1)[~mask] == 0).all()
    expected = numpy(whole(x, attention_mask=mask))
    np.testing.assert_allclose(numpy(outputs), expected, rtol=0.05, atol=MIXED_TOLERANCE[policy])


def test_mask_travels_on(rng):
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    embedded = keras.layers.Embedding(5, DIM, mask_zero=True)(ids)
    outputs = built(rng)(embedded)
    np.testing.assert_array_equal(numpy(outputs._keras_mask), ids != 0)


def test_dropout_falls_on_the_weights_alone(rng):
    attention, x = built(rng, dropout=0.5), random_inputs(rng)
    outputs, weights = attention(x, training=True, return_attention_scores=True)
    expected, whole = attention(x, return_attention_scores=True)
    np.testing.assert_array_equal(numpy(weights), numpy(whole))
    assert np.abs(numpy(outputs) - numpy(expected)).max() > 0.05


def test_reopened_in_another_process(rng, predict_in_fresh_process):
    inputs = keras.Input((None, DIM))
    attention = MultiHeadSelfAttention(2, 5, 0.1, name="attention")
    outputs = attention(inputs, return_attention_scores=True)
    model = keras.Model(inputs, outputs)
    x = random_inputs(rng)
    for given, expected in zip(predict_in_fresh_process(model, x), model(x), strict=True):
        np.testing.assert_allclose(given, numpy(expected), rtol=0, atol=1e-6)
    assert MultiHeadSelfAttention.from_config(attention.get_config()).dropout == 0.1


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_wrong_size(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        MultiHeadSelfAttention(**{"num_heads": 2, "key_dim": 4, name: value})


def test_wrong_dropout():
    with pytest.raises(ValueError, match="`dropout` must be in the interval"):
        MultiHeadSelfAttention(2, 4, 1.0)


def test_mask_of_other_axes(rng):
    with pytest.raises(ValueError, match="`attention_mask` must have shape"):
        built(rng)(random_inputs(rng), attention_mask=np.ones((BATCH, 1, LENGTH, LENGTH), bool))
