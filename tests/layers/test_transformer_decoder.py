"""The decoder as a whole: cached as uncached, causal, its output tied to its input."""

import keras
import numpy as np
import pytest
from keras import ops
from support.checks import check_config, check_reload, numpy, random_mask, weights_of

from keras_transformers.layers import TransformerDecoder

BATCH, LENGTH, KEYS, DIM, VOCAB_SIZE = 3, 6, 7, 8, 20
ARGUMENTS = {"vocab_size": VOCAB_SIZE, "maxlen": 9, "embed_dim": DIM, "num_heads": 2, "ff_dim": 12}
ARGUMENTS |= {"num_blocks": 2, "rate": 0.2, "positions": "trained"}


def built(rng, **options):
    decoder = TransformerDecoder(**ARGUMENTS | options)
    decoder(np.ones((1, 2), "int32"), np.ones((1, 3, DIM), "float32"))
    decoder.set_weights([rng.normal(0, 0.4, w.shape) for w in decoder.get_weights()])
    return decoder


@pytest.fixture
def inputs(rng):
    ids = rng.integers(1, VOCAB_SIZE, (BATCH, LENGTH)).astype("int32")
    ids[1, 4:] = 0
    return ids, rng.normal(size=(BATCH, KEYS, DIM)).astype("float32")


@pytest.mark.parametrize("positions", ["trained", "sinusoidal"])
def test_step_by_step_it_gives_the_same(rng, inputs, positions):
    decoder, (ids, memory) = built(rng, positions=positions), inputs
    mask = random_mask(rng, BATCH, KEYS)
    expected = numpy(decoder(ids, memory, memory_mask=mask))
    state = decoder.start(ops.convert_to_tensor(memory), ops.convert_to_tensor(mask), LENGTH)
    for t in range(LENGTH):
        logits, state = decoder.step(ops.convert_to_tensor(ids[:, t]), t, state)
        real = ids[:, t] != 0
        np.testing.assert_allclose(numpy(logits)[real], expected[real, t], rtol=0, atol=1e-5)


def test_the_output_is_the_last_blocks_by_the_token_matrix(rng, inputs):
    decoder, (ids, memory) = built(rng, num_blocks=1), inputs
    x = decoder.blocks[0](decoder.embedding(ids), memory)
    weights = weights_of(decoder)
    tokens = weights["embedding/token_embedding/embeddings"]
    expected = numpy(x) @ tokens.T + weights["output_bias"]
    np.testing.assert_allclose(numpy(decoder(ids, memory)), expected, rtol=0, atol=1e-4)


def test_the_future_changes_nothing(rng, inputs):
    decoder, (ids, memory) = built(rng), inputs
    other = ids.copy()
    other[0, 3] = other[0, 3] % (VOCAB_SIZE - 1) + 1
    moved = np.abs(numpy(decoder(other, memory)) - numpy(decoder(ids, memory))).max(axis=-1)
    assert not moved[0, :3].any()
    assert not moved[1:].any()
    assert moved[0, 3] > 1e-3


def test_padding_changes_nothing(rng, inputs):
    decoder, (ids, memory) = built(rng), inputs
    expected = numpy(decoder(ids, memory))
    longer = np.pad(ids, ((0, 0), (0, 3)))
    mask = np.arange(KEYS + 5)[None] < [[KEYS]] * BATCH
    wider = np.pad(memory, ((0, 0), (0, 5), (0, 0)), constant_values=3)
    given = numpy(decoder(longer, wider, memory_mask=mask))[:, :LENGTH]
    np.testing.assert_allclose(given[ids != 0], expected[ids != 0], rtol=0, atol=1e-5)


def test_scores_of_all_blocks_and_heads(rng, inputs):
    _, own, to_memory = built(rng)(*inputs, return_attention_scores=True)
    assert own.shape == (BATCH, 2, 2, LENGTH, LENGTH)
    assert to_memory.shape == (BATCH, 2, 2, LENGTH, KEYS)
    np.testing.assert_allclose(numpy(to_memory).sum(-1), 1, atol=1e-6)
    assert not np.triu(numpy(own)[0, 0, 0], 1).any()


def test_survives_saving(rng, inputs, predict_in_another_process):
    check_config(TransformerDecoder(**ARGUMENTS), ARGUMENTS)
    check_reload(built(rng), list(inputs), predict_in_another_process)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_logits_are_float32_in_mixed_precision(inputs, policy):
    decoder = TransformerDecoder(**ARGUMENTS, dtype=policy)
    logits = decoder(*inputs)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert {part.dtype_policy.name for part in decoder._flatten_layers(include_self=True)} == {
        policy
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_heads": 3}, "`num_heads` must divide embed_dim=8. Received: num_heads=3"),
        ({"num_heads": 0}, "`num_heads` must be a positive integer"),
        ({"num_blocks": 0}, "`num_blocks` must be a positive integer"),
        ({"vocab_size": 0}, "`vocab_size` must be a positive integer"),
        ({"maxlen": None}, "`maxlen` must be a positive integer"),
        ({"rate": 1}, "`rate` must be in the interval"),
        ({"positions": "none"}, "`positions` must be 'trained' or 'sinusoidal'"),
    ],
)
def test_refusals(changed, message):
    with pytest.raises(ValueError, match=message):
        TransformerDecoder(**ARGUMENTS | changed)
