"""The decoder block: against the equation, causal, cached as uncached."""

import keras
import numpy as np
import pytest
from keras import ops
from support.checks import (
    MIXED_TOLERANCE,
    NOT_POSITIVE_INTEGERS,
    check_layer,
    numpy,
    random_mask,
    randomise,
    weights_of,
    with_implicit_mask,
)
from support.equations import transformer_decoder_block

from keras_transformers.layers import TransformerDecoderBlock

BATCH, LENGTH, KEYS, DIM, MEMORY_DIM, HEADS = 3, 5, 7, 8, 6, 2


def built(rng, **options):
    block = TransformerDecoderBlock(DIM, HEADS, 12, key_dim=5, **options)
    block.build((None, None, DIM), (None, None, MEMORY_DIM))
    return randomise(block, rng)


def random_inputs(rng):
    x = rng.normal(size=(BATCH, LENGTH, DIM)).astype("float32")
    return x, rng.normal(size=(BATCH, KEYS, MEMORY_DIM)).astype("float32")


@pytest.mark.parametrize("implicit", [False, True], ids=["explicit", "implicit"])
@pytest.mark.parametrize("norm_first", [False, True])
def test_equals_the_equation(rng, norm_first, implicit):
    block, (x, memory) = built(rng, norm_first=norm_first), random_inputs(rng)
    exists, memory_exists = random_mask(rng, BATCH, LENGTH), random_mask(rng, BATCH, KEYS)
    exists[:, 0] = True
    memory_exists[:, 0] = True
    x, memory = x * exists[..., None], memory * memory_exists[..., None]
    if implicit:
        sent = with_implicit_mask(x, exists), with_implicit_mask(memory, memory_exists)
        outputs = block(*sent, return_attention_scores=True)
    else:
        outputs = block(
            x,
            memory,
            inputs_mask=exists,
            memory_mask=memory_exists,
            return_attention_scores=True,
        )
    expected = transformer_decoder_block(
        x, memory, weights_of(block), HEADS, exists, memory_exists, norm_first
    )
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(numpy(ours), theirs, rtol=0, atol=2e-5)


@pytest.mark.parametrize("norm_first", [False, True])
def test_equals_keras_hub(rng, norm_first):
    keras_hub = pytest.importorskip("keras_hub")
    ours = TransformerDecoderBlock(DIM, HEADS, 12, key_dim=DIM // HEADS, norm_first=norm_first)
    ours.build((None, None, DIM), (None, None, DIM))
    randomise(ours, rng)
    theirs = keras_hub.layers.TransformerDecoder(
        12, HEADS, layer_norm_epsilon=ours.epsilon, normalize_first=norm_first
    )
    theirs.build((None, None, DIM), (None, None, DIM))
    for our_part, their_part in {
        "attention": "_self_attention_layer",
        "attention_norm": "_self_attention_layer_norm",
        "memory_attention": "_cross_attention_layer",
        "memory_attention_norm": "_cross_attention_layer_norm",
        "feed_forward_hidden": "_feedforward_intermediate_dense",
        "feed_forward_output": "_feedforward_output_dense",
        "feed_forward_norm": "_feedforward_layer_norm",
    }.items():
        # Their attentions have an axis for the heads.
        values = getattr(ours, our_part).get_weights()
        for variable, value in zip(getattr(theirs, their_part).weights, values, strict=True):
            variable.assign(value.reshape(variable.shape))
    x, memory = (rng.normal(size=(BATCH, n, DIM)).astype("float32") for n in (LENGTH, KEYS))
    exists, memory_exists = random_mask(rng, BATCH, LENGTH), random_mask(rng, BATCH, KEYS)
    exists[:, 0] = True  # theirs gives no weights at all where there is nothing to look at
    expected = theirs(x, memory, decoder_padding_mask=exists, encoder_padding_mask=memory_exists)
    given = ours(x, memory, inputs_mask=exists, memory_mask=memory_exists)
    np.testing.assert_allclose(numpy(given), numpy(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", MIXED_TOLERANCE)
def test_steps_in_half_precision(rng, policy):
    block, (x, memory) = built(rng, dtype=policy), random_inputs(rng)
    expected = numpy(block(x, memory))
    state = block.start(memory, np.ones((BATCH, KEYS), bool), LENGTH)
    for t in range(LENGTH):
        outputs, state = block.step(x[:, t : t + 1], t, state)
        tolerance = {"rtol": MIXED_TOLERANCE[policy], "atol": MIXED_TOLERANCE[policy]}
        np.testing.assert_allclose(numpy(outputs)[:, 0], expected[:, t], **tolerance)
    kept = [outputs, *(state[name] for name in state if name != "memory_mask")]
    dtypes = {keras.backend.standardize_dtype(tensor.dtype) for tensor in kept}
    assert dtypes == {policy.removeprefix("mixed_")}


def test_weights_by_hand():
    block = TransformerDecoderBlock(8, 2, 12, key_dim=4)
    block.build((None, None, 8), (None, None, 6))
    own = 4 * (8 * 8 + 8)
    to_memory = 2 * (8 * 8 + 8) + 2 * (6 * 8 + 8)
    feed_forward = 8 * 12 + 12 + 12 * 8 + 8
    assert block.count_params() == own + to_memory + feed_forward + 3 * 16


def test_the_future_changes_nothing(rng):
    block, (x, memory) = built(rng), random_inputs(rng)
    before = numpy(block(x, memory))
    for t in range(LENGTH):
        other = x.copy()
        other[:, t:] = rng.normal(size=other[:, t:].shape)
        after = numpy(block(other, memory))
        np.testing.assert_array_equal(after[:, :t], before[:, :t])
        assert np.abs(after[:, t] - before[:, t]).max() > 1e-3


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("room", [LENGTH, LENGTH + 4])
def test_step_by_step_it_gives_the_same(rng, norm_first, room):
    block, (x, memory) = built(rng, norm_first=norm_first), random_inputs(rng)
    memory_exists = random_mask(rng, BATCH, KEYS)
    expected = numpy(block(x, memory, memory_mask=memory_exists))
    state = block.start(ops.convert_to_tensor(memory), ops.convert_to_tensor(memory_exists), room)
    for t in range(LENGTH):
        outputs, state = block.step(ops.convert_to_tensor(x[:, t : t + 1]), t, state)
        np.testing.assert_allclose(numpy(outputs)[:, 0], expected[:, t], rtol=0, atol=1e-5)


def test_padding_on_either_side_changes_nothing(rng):
    block, (x, memory) = built(rng), random_inputs(rng)
    expected = numpy(block(x, memory))
    longer = np.pad(x, ((0, 0), (0, 9), (0, 0)), constant_values=3)
    wider = np.pad(memory, ((0, 0), (0, 11), (0, 0)), constant_values=3)
    exists = np.arange(LENGTH + 9)[None] < [[LENGTH]] * BATCH
    memory_exists = np.arange(KEYS + 11)[None] < [[KEYS]] * BATCH
    given = block(longer, wider, inputs_mask=exists, memory_mask=memory_exists)
    np.testing.assert_allclose(numpy(given)[:, :LENGTH], expected, rtol=0, atol=1e-5)


def test_owes_what_every_layer_owes(rng, predict_in_another_process):
    arguments = {"embed_dim": DIM, "num_heads": HEADS, "ff_dim": 12, "rate": 0.2, "key_dim": 5}
    arguments |= {"activation": "gelu", "attention_dropout": 0.3, "norm_first": True}
    check_layer(
        TransformerDecoderBlock,
        arguments | {"epsilon": 1e-4},
        list(random_inputs(rng)),
        predict_in_another_process,
        sends_mask=True,
        return_attention_scores=True,
    )


@pytest.mark.parametrize("name", ["embed_dim", "num_heads", "ff_dim", "key_dim"])
@pytest.mark.parametrize("value", [v for v in NOT_POSITIVE_INTEGERS if v is not None])
def test_refuses_sizes_that_are_not_positive_integers(name, value):
    sizes = {"embed_dim": 8, "num_heads": 2, "ff_dim": 12, name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        TransformerDecoderBlock(**sizes)


def test_refuses_other_widths(rng):
    with pytest.raises(ValueError, match=r"`inputs` must have embed_dim=8.*\(3, 5, 9\)"):
        built(rng)(np.ones((3, 5, 9)), np.ones((3, 7, 6)))
