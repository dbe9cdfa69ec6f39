"""Masks of other conventions and shapes: refused with what is expected, never read in silence."""

import numpy as np
import pytest
from support.checks import numpy

from keras_transformers.layers import (
    BahdanauAttention,
    MaskedAveragePooling1D,
    MultiHeadAttention,
    TransformerBlock,
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


def test_an_encoder_refuses_a_mask_that_is_added():
    ids = np.array([[2, 3, 4, 0]])
    added = np.array([[0.0, 0.0, 0.0, -1e9]], "float32")
    with pytest.raises(ValueError, match=r"`input_mask` must be boolean.*`mask == 0`"):
        BertEncoder(8, 1, 8, 2, 8, 4)({"input_word_ids": ids, "input_mask": added})
