"""The recurrent decoder: against the equation, step by step, with and without attention."""

import keras
import numpy as np
import pytest
from keras import ops
from support.checks import check_config, check_reload, numpy, random_mask, weights_of
from support.equations import rnn_decoder

from keras_transformers.layers import RNNDecoder

BATCH, LENGTH, KEYS, MEMORY_DIM, VOCAB_SIZE = 3, 5, 6, 8, 20
ARGUMENTS = {"vocab_size": VOCAB_SIZE, "embed_dim": 7, "units": 9, "attention": "bahdanau"}
ARGUMENTS |= {"rate": 0.2}

both = pytest.mark.parametrize("attention", [None, "bahdanau"])


def built(rng, attention="bahdanau"):
    decoder = RNNDecoder(**ARGUMENTS | {"attention": attention})
    decoder(np.ones((1, 2), "int32"), np.ones((1, 3, MEMORY_DIM), "float32"))
    decoder.set_weights([rng.normal(0, 0.4, w.shape) for w in decoder.get_weights()])
    return decoder


@pytest.fixture
def inputs(rng):
    ids = rng.integers(1, VOCAB_SIZE, (BATCH, LENGTH)).astype("int32")
    return ids, rng.normal(size=(BATCH, KEYS, MEMORY_DIM)).astype("float32")


@both
def test_equals_the_equation(rng, inputs, attention):
    decoder, (ids, memory) = built(rng, attention), inputs
    exists = random_mask(rng, BATCH, KEYS)
    logits, alignment = rnn_decoder(ids, memory, weights_of(decoder), exists, attention)
    given = decoder(ids, memory, memory_mask=exists)
    np.testing.assert_allclose(numpy(given), logits, rtol=0, atol=1e-5)
    if attention:
        given = decoder(ids, memory, memory_mask=exists, return_attention_scores=True)[1]
        np.testing.assert_allclose(numpy(given), alignment, rtol=0, atol=1e-5)


@both
def test_step_by_step_it_gives_the_same(rng, inputs, attention):
    decoder, (ids, memory) = built(rng, attention), inputs
    exists = random_mask(rng, BATCH, KEYS)
    expected = numpy(decoder(ids, memory, memory_mask=exists))
    state = decoder.start(ops.convert_to_tensor(memory), ops.convert_to_tensor(exists), LENGTH)
    for t in range(LENGTH):
        logits, state = decoder.step(ops.convert_to_tensor(ids[:, t]), t, state)
        np.testing.assert_allclose(numpy(logits), expected[:, t], rtol=0, atol=1e-5)


@both
@pytest.mark.parametrize(("before", "behind"), [(0, 4), (4, 0), (2, 3)])
def test_padding_on_either_side_changes_nothing(rng, inputs, attention, before, behind):
    decoder, (ids, memory) = built(rng, attention), inputs
    expected = numpy(decoder(ids, memory))
    padding = ((0, 0), (before, behind))
    wider = np.pad(memory, (*padding, (0, 0)), constant_values=3)
    exists = np.pad(np.ones((BATCH, KEYS), bool), padding)
    longer = np.pad(ids, ((0, 0), (0, 3)))
    given = numpy(decoder(longer, wider, memory_mask=exists))[:, :LENGTH]
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)


def test_without_attention_only_the_last_states_count(rng, inputs):
    decoder, (ids, memory) = built(rng, None), inputs
    other = memory.copy()
    other[:, 1:-1] = rng.normal(size=other[:, 1:-1].shape)
    np.testing.assert_array_equal(numpy(decoder(ids, other)), numpy(decoder(ids, memory)))


@both
def test_survives_saving(rng, inputs, predict_in_another_process, attention):
    arguments = ARGUMENTS | {"attention": attention}
    check_config(RNNDecoder(**arguments), arguments)
    check_reload(built(rng, attention), list(inputs), predict_in_another_process)


@both
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32_in_mixed_precision(rng, inputs, policy, attention):
    decoder = RNNDecoder(**ARGUMENTS | {"attention": attention}, dtype=policy)
    logits = decoder(*inputs)
    state = decoder.start(inputs[1])
    dtypes = {keras.backend.standardize_dtype(tensor.dtype) for tensor in state.values()}
    assert dtypes <= {policy.removeprefix("mixed_"), "bool"}
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    whole = built(rng, attention)
    decoder.set_weights(whole.get_weights())
    np.testing.assert_allclose(numpy(decoder(*inputs)), numpy(whole(*inputs)), rtol=0, atol=0.1)


def test_refuses_scores_where_there_is_no_attention(rng, inputs):
    with pytest.raises(ValueError, match="`return_attention_scores` must be False"):
        built(rng, None)(*inputs, return_attention_scores=True)
    symbols = keras.Input((None,), dtype="int32"), keras.Input((None, MEMORY_DIM))
    with pytest.raises(ValueError, match="`return_attention_scores` must be False"):
        built(rng, None)(*symbols, return_attention_scores=True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"attention": "luong"}, "`attention` must be None or 'bahdanau'.*'luong'"),
        ({"units": 0}, "`units` must be a positive integer"),
        ({"embed_dim": 2.5}, "`embed_dim` must be a positive integer"),
        ({"vocab_size": True}, "`vocab_size` must be a positive integer"),
        ({"rate": -0.1}, "`rate` must be in the interval"),
    ],
)
def test_refusals(changed, message):
    with pytest.raises(ValueError, match=message):
        RNNDecoder(**ARGUMENTS | changed)
