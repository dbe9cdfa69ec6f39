"""Additive attention: against the equation and Keras' layer without weights; masks, refusals."""

import keras
import numpy as np
import pytest
from support.checks import (
    NOT_POSITIVE_INTEGERS,
    check_layer,
    numpy,
    random_mask,
    randomise,
    weights_of,
    with_implicit_mask,
)
from support.equations import bahdanau_attention

from keras_transformers.layers import BahdanauAttention

BATCH, QUERIES, KEYS, DIM, VALUE_DIM = 3, 4, 6, 5, 7


@pytest.fixture
def attention(rng):
    layer = BahdanauAttention(9)
    layer.build((None, None, DIM), (None, None, VALUE_DIM))
    return randomise(layer, rng)


@pytest.fixture
def inputs(rng):
    query = rng.normal(size=(BATCH, QUERIES, DIM)).astype("float32")
    return query, rng.normal(size=(BATCH, KEYS, VALUE_DIM)).astype("float32")


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("explicit", [None, "keys", "pairs"])
def test_equals_the_equation(rng, attention, inputs, explicit, implicit):
    query, value = inputs
    pairs = random_mask(rng, BATCH, QUERIES, KEYS)
    pairs[..., 0] = True
    exists = random_mask(rng, BATCH, KEYS)
    exists[:, 0] = True
    mask = {None: None, "keys": pairs[:, 0], "pairs": pairs}[explicit]
    allowed = np.ones((BATCH, QUERIES, KEYS), bool)
    allowed &= {None: True, "keys": pairs[:, :1], "pairs": pairs}[explicit]
    sent = value
    if implicit:
        allowed, value = allowed & exists[:, None], value * exists[..., None]
        sent = with_implicit_mask(value, exists)
    outputs = attention(query, sent, attention_mask=mask, return_attention_scores=True)
    for given, expected in zip(
        outputs, bahdanau_attention(query, value, weights_of(attention), allowed), strict=True
    ):
        np.testing.assert_allclose(numpy(given), expected, rtol=0, atol=1e-5)


def test_with_identities_it_is_keras_own_without_weights(rng, inputs):
    query, value = rng.normal(size=(2, BATCH, QUERIES, DIM)).astype("float32")
    ours = BahdanauAttention(DIM)
    ours.build(query.shape, value.shape)
    ours.set_weights([np.eye(DIM), np.eye(DIM), np.ones((DIM, 1))])
    theirs = keras.layers.AdditiveAttention(use_scale=False)
    mask = random_mask(rng, BATCH, QUERIES)
    expected = theirs([query, value], mask=[None, mask])
    np.testing.assert_allclose(
        numpy(ours(query, value, attention_mask=mask)), numpy(expected), rtol=0, atol=1e-5
    )


def test_weights_sum_to_one_and_padding_gets_nothing(rng, attention, inputs):
    mask = random_mask(rng, BATCH, KEYS)
    _, weights = attention(*inputs, attention_mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(numpy(weights).sum(-1), 1, atol=1e-6)
    assert not numpy(weights)[np.broadcast_to(~mask[:, None], weights.shape)].any()


def test_a_query_that_may_look_at_nothing_attends_to_all_alike(attention, inputs):
    mask = np.zeros((BATCH, KEYS), bool)
    _, weights = attention(*inputs, attention_mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(numpy(weights), 1 / KEYS, atol=1e-6)


def test_padding_never_changes_a_context(rng, attention, inputs):
    query, value = inputs
    expected = numpy(attention(query, value))
    for before, behind in ((0, 20), (20, 0), (3, 50)):
        padding = ((0, 0), (before, behind))
        padded = np.pad(value, (*padding, (0, 0)), constant_values=7)
        mask = np.pad(np.ones((BATCH, KEYS), bool), padding)
        given = attention(query, padded, attention_mask=mask)
        np.testing.assert_allclose(numpy(given), expected, rtol=0, atol=1e-5)


def test_owes_what_every_layer_owes(inputs, predict_in_another_process):
    check_layer(
        BahdanauAttention,
        {"units": 9},
        list(inputs),
        predict_in_another_process,
        sends_mask=True,
        return_attention_scores=True,
    )


@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_refuses_units_that_are_no_positive_integer(value):
    with pytest.raises(ValueError, match=f"`units` must be a positive integer.*units={value!r}"):
        BahdanauAttention(value)


def test_refuses_a_mask_of_four_axes(attention, inputs):
    with pytest.raises(ValueError, match=r"`attention_mask` must have shape"):
        attention(*inputs, attention_mask=np.ones((1, 1, 1, KEYS), bool))
