"""Attention: against Keras' own layer and the equations; its masks, saved, and refusals."""

import keras
import numpy as np
import pytest
from support.checks import (
    MIXED_TOLERANCE,
    NOT_POSITIVE_INTEGERS,
    check_layer,
    numpy,
    random_mask,
    weights_of,
    with_implicit_mask,
)
from support.equations import multi_head_attention

from keras_transformers.layers import MultiHeadAttention

BATCH, QUERIES, KEYS, DIM, VALUE_DIM = 3, 5, 7, 8, 6


def built(rng, num_heads=2, key_dim=5, value_dim=DIM, **options):
    attention = MultiHeadAttention(num_heads, key_dim, **options)
    attention.build((None, None, DIM), (None, None, value_dim))
    attention.set_weights([rng.normal(0, 0.5, w.shape) for w in attention.get_weights()])
    return attention


def random_inputs(rng, length=KEYS, dim=DIM):
    return rng.normal(size=(BATCH, length, dim)).astype("float32")


def random_pairs(rng, queries, keys):
    """A mask in which each query may look at one key at least, whatever else is masked."""
    pairs = random_mask(rng, BATCH, queries, keys)
    pairs[..., 0] = True
    return pairs


@pytest.mark.parametrize(
    ("masks", "causal"), [("none", False), ("keys", False), ("pairs", False), ("keys", True)]
)
@pytest.mark.parametrize("same", [True, False], ids=["self", "two sequences"])
@pytest.mark.parametrize(("num_heads", "key_dim"), [(1, 8), (2, 5), (4, 2), (3, 12)])
def test_equals_keras(rng, num_heads, key_dim, same, masks, causal):
    query = random_inputs(rng)
    value = query if same else random_inputs(rng, QUERIES, VALUE_DIM)
    ours = built(rng, num_heads, key_dim, value.shape[-1])
    theirs = keras.layers.MultiHeadAttention(num_heads, key_dim, output_shape=DIM)
    theirs.build(query.shape, value.shape)
    for variable, weight in zip(theirs.weights, ours.get_weights(), strict=True):
        variable.assign(weight.reshape(variable.shape))
    pairs = random_pairs(rng, query.shape[1], value.shape[1])
    mask = {"none": None, "keys": pairs[:, 0], "pairs": pairs}[masks]
    options = {"use_causal_mask": causal, "return_attention_scores": True}
    outputs, weights = ours(query, value, attention_mask=mask, **options)
    per_query = mask[:, None] if masks == "keys" else mask
    expected = theirs(query, value, attention_mask=per_query, **options)
    np.testing.assert_allclose(numpy(outputs), numpy(expected[0]), rtol=0, atol=1e-5)
    np.testing.assert_allclose(numpy(weights), numpy(expected[1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("explicit", [None, "keys", "pairs"])
@pytest.mark.parametrize(("implicit", "causal"), [(False, False), (True, False), (True, True)])
@pytest.mark.parametrize("key_dim", [5, DIM])
@pytest.mark.parametrize("same", [True, False], ids=["self", "two sequences"])
def test_equals_the_equations(rng, same, key_dim, causal, explicit, implicit):
    value = random_inputs(rng)
    query = value if same else random_inputs(rng, QUERIES)
    attention, mask, sent = built(rng, key_dim=key_dim), None, value
    allowed = np.ones((BATCH, query.shape[1], KEYS), bool)
    if explicit:
        pairs = random_mask(rng, BATCH, query.shape[1], KEYS)
        mask = pairs[:, 0] if explicit == "keys" else pairs
        allowed &= mask[:, None] if explicit == "keys" else mask
    if implicit:
        padding = random_mask(rng, BATCH, KEYS)
        sent, value = with_implicit_mask(value, padding), value * padding[..., None]
        query = value if same else query
        allowed &= padding[:, None]
    if causal:
        allowed &= np.tri(query.shape[1], KEYS, dtype=bool)
    outputs, weights = attention(
        sent if same else query,
        sent,
        attention_mask=mask,
        use_causal_mask=causal,
        return_attention_scores=True,
    )
    expected = multi_head_attention(
        query, weights_of(attention), 2, allowed, prefix="", value=value
    )
    np.testing.assert_allclose(numpy(outputs), expected[0], rtol=0, atol=5e-6)
    np.testing.assert_allclose(numpy(weights), expected[1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("key_dim", [5, DIM])
def test_the_first_to_ask_gets_what_it_would_among_all(rng, key_dim):
    attention, x, mask = built(rng, key_dim=key_dim), random_inputs(rng), random_mask(rng, BATCH, 7)
    options = {"attention_mask": mask, "return_attention_scores": True}
    outputs, weights = attention(x[:, :1], x, **options)
    expected, all_weights = attention(x, x, **options)
    np.testing.assert_allclose(numpy(outputs), numpy(expected)[:, :1], rtol=0, atol=5e-6)
    np.testing.assert_allclose(numpy(weights), numpy(all_weights)[:, :, :1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("key_dim", [5, DIM])
def test_a_causal_mask_hides_the_future(rng, key_dim):
    attention, x = built(rng, key_dim=key_dim), random_inputs(rng)
    expected = numpy(attention(x, x, use_causal_mask=True))
    x[:, 4:] = 9
    changed = numpy(attention(x, x, use_causal_mask=True)) - expected
    np.testing.assert_allclose(changed[:, :4], 0, atol=1e-6)
    assert np.abs(changed[:, 4:]).max() > 0.1


def test_dropout_falls_on_the_weights_alone(rng):
    attention, x = built(rng, dropout=0.5), random_inputs(rng)
    outputs, weights = attention(x, x, training=True, return_attention_scores=True)
    expected, whole = attention(x, x, return_attention_scores=True)
    np.testing.assert_array_equal(numpy(weights), numpy(whole))
    assert np.abs(numpy(outputs) - numpy(expected)).max() > 0.05


def test_owes_what_every_layer_owes(rng, predict_in_another_process):
    check_layer(
        MultiHeadAttention,
        {"num_heads": 2, "key_dim": 5, "dropout": 0.1},
        [random_inputs(rng), random_inputs(rng, QUERIES, VALUE_DIM)],
        predict_in_another_process,
        sends_mask=True,
        return_attention_scores=True,
    )


@pytest.mark.parametrize("policy", list(MIXED_TOLERANCE))
@pytest.mark.parametrize("key_dim", [5, DIM])
def test_padding_gets_no_weight_in_half_precision(rng, policy, key_dim):
    attention = built(rng, key_dim=key_dim, dtype=policy)
    x, mask = random_inputs(rng), random_mask(rng, BATCH, KEYS)
    _, weights = attention(x, x, attention_mask=mask, return_attention_scores=True)
    assert (np.moveaxis(numpy(weights), 3, 1)[~mask] == 0).all()


@pytest.mark.parametrize("lengths", [(3, None), (3, 9), (1, None)])
def test_symbolic_outputs_of_two_lengths(lengths):
    query, value = (keras.Input((length, DIM)) for length in lengths)
    attention = MultiHeadAttention(2, 5)
    outputs, weights = attention(query, value, return_attention_scores=True)
    assert outputs.shape == (None, lengths[0], DIM)
    assert weights.shape == (None, 2, *lengths)


@pytest.mark.parametrize("name", ["num_heads", "key_dim"])
@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_wrong_size(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        MultiHeadAttention(**{"num_heads": 2, "key_dim": 4, name: value})


def test_wrong_dropout():
    with pytest.raises(ValueError, match="`dropout` must be in the interval"):
        MultiHeadAttention(2, 4, 1.0)


def test_mask_of_other_axes(rng):
    with pytest.raises(ValueError, match="`attention_mask` must have shape"):
        built(rng)(
            random_inputs(rng), random_inputs(rng), attention_mask=np.ones((BATCH, 1, 7, 7), bool)
        )
