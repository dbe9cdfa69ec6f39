"""Masks of other conventions and shapes: refused with what is expected, never read in silence."""

import numpy as np
import pytest
from support.checks import numpy

from keras_transformers.decoding import beam_search, greedy_search
from keras_transformers.layers import (
    BahdanauAttention,
    MaskedAveragePooling1D,
    MultiHeadAttention,
    RNNDecoder,
    TransformerBlock,
    TransformerDecoder,
)
from keras_transformers.models import BertEncoder

BATCH, QUERIES, KEYS, DIM = 3, 4, 6, 8


@pytest.fixture
def inputs(rng):
    query = rng.normal(size=(BATCH, QUERIES, DIM)).astype("float32")
    return query, rng.normal(size=(BATCH, KEYS, DIM)).astype("float32")


@pytest.fixture(params=["multi-head", "additive", "block"])
def attend(request, inputs):
    """From a mask to what comes of attention under it."""
    layer = {
        "multi-head": lambda: MultiHeadAttention(2, 4),
        "additive": lambda: BahdanauAttention(4),
        "block": lambda: TransformerBlock(DIM, 2, 4),
    }[request.param]()
    return lambda mask: numpy(layer(*inputs, attention_mask=mask))


def test_a_mask_that_is_added_to_the_scores_is_refused(attend):
    added = np.zeros((BATCH, KEYS), "float32")
    added[:, 4:] = -1e9
    with pytest.raises(ValueError, match=r"must be boolean, or integers of 0 and 1.*`mask == 0`"):
        attend(added)


@pytest.mark.parametrize("number", [-10000, -1, 2])
def test_integers_that_are_added_are_refused(attend, number):
    added = np.zeros((BATCH, KEYS), "int32")
    added[:, 4:] = number
    with pytest.raises(ValueError, match=rf"integers of 0 and 1.*Received: {number}\..*`mask == 0"):
        attend(added)


def test_booleans_and_integers_mean_the_same(attend):
    mask = np.arange(KEYS) < np.array([[2], [4], [6]])
    for kind in ("int32", "int64", "uint8"):
        np.testing.assert_array_equal(attend(mask.astype(kind)), attend(mask))


@pytest.mark.parametrize(
    "shape",
    [
        (KEYS,),
        (BATCH + 1, KEYS),
        (BATCH, QUERIES),
        (BATCH, QUERIES, 1),
        (BATCH, KEYS, KEYS),
        (BATCH, 1, 1, KEYS),
    ],
)
def test_other_shapes_are_refused(attend, shape):
    with pytest.raises(ValueError, match=r"`attention_mask` must have shape .*Received: shape"):
        attend(np.ones(shape, bool))


@pytest.mark.parametrize("shape", [(1, KEYS), (1, QUERIES, KEYS), (BATCH, 1, KEYS)])
def test_one_may_stand_for_all(attend, rng, shape):
    mask = rng.random(shape) < 0.6
    mask[..., 0] = True
    whole = mask[:, None] if mask.ndim == 2 else mask
    np.testing.assert_allclose(
        attend(mask), attend(np.broadcast_to(whole, (BATCH, QUERIES, KEYS))), atol=1e-6
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_masked_does_not_leak_into_the_mean(rng, value):
    x = rng.normal(size=(2, 4, 3)).astype("float32")
    mask = np.array([[True, True, False, False], [True, False, True, True]])
    expected = numpy(MaskedAveragePooling1D()(x, mask=mask))
    x[~mask] = value
    np.testing.assert_array_equal(numpy(MaskedAveragePooling1D()(x, mask=mask)), expected)


@pytest.mark.parametrize("kind", ["bool", "int32", "float32", "float16"])
def test_zeros_and_ones_of_any_kind_choose_what_is_averaged(rng, kind):
    x, mask = rng.normal(size=(2, 4, 3)), np.array([[1, 1, 0, 0], [1, 0, 1, 1]])
    expected = [row[chosen != 0].mean(axis=0) for row, chosen in zip(x, mask, strict=True)]
    averaged = numpy(MaskedAveragePooling1D()(x, mask=mask.astype(kind)))
    np.testing.assert_allclose(averaged, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.array([[0.5, 1, 0, 0]] * 2), "must be boolean, or numbers of 0 and 1.*Received: 0.5"),
        (np.array([[0, 0, -1e9, 0]] * 2), r"Received: -1000000000.*`mask == 0`"),
        (np.array([[0, 0, np.nan, 0]] * 2), "Received: nan"),
        (np.array([[0, 0, -10000, 0]] * 2), "Received: -10000"),
        (np.ones((1, 4), bool), r"must have shape \(batch, keys\), here \(2, 4\).*\(1, 4\)"),
        (np.ones((2, 1), bool), r"Received: shape \(2, 1\)"),
        (np.ones((2, 4, 1), bool), r"Received: shape \(2, 4, 1\)"),
        (np.ones(4, bool), r"Received: shape \(4,\)"),
    ],
)
def test_other_masks_of_a_mean_are_refused(mask, message):
    with pytest.raises(ValueError, match=rf"`mask` .*{message}"):
        MaskedAveragePooling1D()(np.ones((2, 4, 3), "float32"), mask=mask)


@pytest.fixture(params=["rnn", "rnn with attention", "transformer"])
def decode(request):
    """From a memory and its mask to what each way of decoding gives."""
    if request.param == "transformer":
        decoder = TransformerDecoder(9, None, DIM, 2, 8)
    else:
        attention = "bahdanau" if "attention" in request.param else None
        decoder = RNNDecoder(9, DIM, 8, attention=attention)
    memory = np.random.default_rng(0).normal(size=(BATCH, KEYS, DIM)).astype("float32")
    ids = np.full((BATCH, 2), 2)
    decoder(ids, memory)
    options = {"start_id": 2, "end_id": 3, "max_length": 3}
    ways = {
        "call": lambda mask: decoder(ids, memory, memory_mask=mask),
        "start": lambda mask: decoder.start(memory, mask, 3),
        "greedy": lambda mask: greedy_search(decoder, memory, mask, **options)[1],
        "beam": lambda mask: beam_search(decoder, memory, mask, beam=2, **options)[1],
    }
    return ways


@pytest.mark.parametrize(
    "mask",
    [
        np.ones((1, KEYS), bool),
        np.ones((BATCH, 1), bool),
        np.ones((BATCH, KEYS + 1), bool),
        np.ones((BATCH, 2, KEYS), bool),
        np.ones(KEYS, bool),
        np.zeros((BATCH, KEYS), "float32"),
        np.full((BATCH, KEYS), -10000),
    ],
    ids=lambda mask: f"{mask.shape} {mask.dtype}",
)
@pytest.mark.parametrize("way", ["call", "start", "greedy", "beam"])
def test_decoders_refuse_other_masks(decode, way, mask):
    with pytest.raises(ValueError, match="`memory_mask` must "):
        decode[way](mask)


@pytest.mark.parametrize("way", ["call", "greedy", "beam"])
def test_decoders_take_booleans_and_integers_alike(decode, way):
    mask = np.arange(KEYS) < np.array([[2], [4], [6]])
    expected = numpy(decode[way](mask))
    assert np.abs(expected - numpy(decode[way](mask | True))).max() > 1e-4
    np.testing.assert_array_equal(numpy(decode[way](mask.astype("int64"))), expected)


@pytest.mark.parametrize(
    "added", [np.array([[0.0, 0.0, 0.0, -1e9]], "float32"), np.array([[0, 0, 0, -10000]])]
)
def test_an_encoder_refuses_a_mask_that_is_added(added):
    ids = np.array([[2, 3, 4, 0]])
    with pytest.raises(ValueError, match=r"`input_mask` must be boolean.*`mask == 0`"):
        BertEncoder(8, 1, 8, 2, 8, 4)({"input_word_ids": ids, "input_mask": added})
