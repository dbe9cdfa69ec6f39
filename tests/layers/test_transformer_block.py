import keras
import numpy as np
import pytest
from support.checks import (
    MIXED_TOLERANCE,
    NOT_POSITIVE_INTEGERS,
    MaskProbe,
    check_layer,
    numpy,
    random_mask,
    randomise,
    weights_of,
    with_implicit_mask,
)
from support.equations import masked_average, transformer_block

from keras_transformers.layers import (
    MaskedAveragePooling1D,
    TokenAndPositionEmbedding,
    TransformerBlock,
)

BATCH, LENGTH, EMBED_DIM, FF_DIM = 3, 7, 8, 12
EQUATION = ("activation", "norm_first", "epsilon")


def built(rng, num_heads=2, rate=0.1, **kwargs):
    block = TransformerBlock(EMBED_DIM, num_heads, FF_DIM, rate, **kwargs)
    block.build((None, None, EMBED_DIM))
    return randomise(block, rng)


def random_inputs(rng, length=LENGTH):
    return rng.normal(size=(BATCH, length, EMBED_DIM)).astype("float32")


def test_has_the_lessons_number_of_weights():
    block = TransformerBlock(32, 2, 32)
    block.build((None, 256, 32))
    assert block.count_params() == 10_656
    assert block.key_dim == 32


def test_key_dim_is_the_size_of_each_head():
    block = TransformerBlock(EMBED_DIM, 2, FF_DIM, key_dim=4)
    block.build((None, None, EMBED_DIM))
    # As many as in BERT: four projections, the feed-forward network, two normalisations.
    assert block.count_params() == 4 * (8 * 8 + 8) + (8 * 12 + 12 + 12 * 8 + 8) + 2 * (8 + 8)
    assert weights_of(block)["attention/query/kernel"].shape == (EMBED_DIM, 2 * 4)


# Numerics


@pytest.mark.parametrize("implicit", [False, True], ids=["", "implicit"])
@pytest.mark.parametrize("explicit", [None, "keys", "pairs"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm_first": True},
        {"num_heads": 1, "key_dim": 5, "activation": "gelu"},
        {"num_heads": 4, "key_dim": 2, "activation": "tanh", "norm_first": True, "epsilon": 0.1},
    ],
    ids=lambda options: "-".join(map(str, options.values())) or "default",
)
def test_equals_the_equations(rng, options, explicit, implicit):
    block, x = built(rng, **options), random_inputs(rng)
    inputs, attention_mask, allowed = x, None, np.ones((BATCH, LENGTH, LENGTH), bool)
    if explicit == "keys":
        attention_mask = random_mask(rng, BATCH, LENGTH)
        allowed &= attention_mask[:, None, :]
    elif explicit == "pairs":
        attention_mask = random_mask(rng, BATCH, LENGTH, LENGTH)
        allowed &= attention_mask
    if implicit:
        padding_mask = random_mask(rng, BATCH, LENGTH)
        inputs = with_implicit_mask(x, padding_mask)
        x = x * padding_mask[..., None]
        allowed &= padding_mask[:, None, :]

    outputs, scores = block(inputs, attention_mask=attention_mask, return_attention_scores=True)
    equation = {name: value for name, value in options.items() if name in EQUATION}
    expected, expected_scores = transformer_block(
        x, weights_of(block), block.num_heads, allowed, **equation
    )
    np.testing.assert_allclose(numpy(scores), expected_scores, rtol=0, atol=1e-6)
    np.testing.assert_allclose(numpy(outputs), expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("attention_dropout", [0.0, 0.3])
def test_scores_on_request_change_no_output(rng, norm_first, attention_dropout):
    block = built(rng, norm_first=norm_first, attention_dropout=attention_dropout)
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH, LENGTH)
    outputs, scores = block(x, attention_mask=mask, return_attention_scores=True)
    alone = block(x, attention_mask=mask)
    np.testing.assert_allclose(numpy(outputs), numpy(alone), rtol=0, atol=2e-6)
    assert tuple(scores.shape) == (BATCH, 2, LENGTH, LENGTH)


def test_attention_weights_sum_to_1_and_padding_receives_none(rng):
    mask = random_mask(rng, BATCH, LENGTH)
    inputs = with_implicit_mask(random_inputs(rng), mask)
    _, scores = built(rng)(inputs, return_attention_scores=True)
    by_query = np.moveaxis(numpy(scores), 1, 2)[mask]  # (words, heads, keys)
    np.testing.assert_allclose(by_query.sum(axis=-1), 1, rtol=0, atol=1e-6)
    padding_keys = np.broadcast_to(~mask[:, None, None], scores.shape)
    assert (numpy(scores)[padding_keys] == 0).all()
    assert (numpy(scores)[~padding_keys] > 0).any()


@pytest.mark.parametrize(("norm_first", "activation"), [(False, "relu"), (True, "gelu")])
@pytest.mark.parametrize(
    "masks", ["none", "padding", "attention", "both", "implicit and attention"]
)
def test_equals_keras_hub(rng, masks, norm_first, activation):
    keras_hub = pytest.importorskip("keras_hub")
    num_heads = 2
    key_dim = EMBED_DIM // num_heads
    ours = built(rng, num_heads, key_dim=key_dim, activation=activation, norm_first=norm_first)
    theirs = keras_hub.layers.TransformerEncoder(
        FF_DIM,
        num_heads,
        activation=activation,
        layer_norm_epsilon=ours.epsilon,
        normalize_first=norm_first,
    )
    theirs.build((None, None, EMBED_DIM))
    for ours_part, theirs_part in {
        "attention": "_self_attention_layer",
        "attention_norm": "_self_attention_layer_norm",
        "feed_forward_hidden": "_feedforward_intermediate_dense",
        "feed_forward_output": "_feedforward_output_dense",
        "feed_forward_norm": "_feedforward_layer_norm",
    }.items():
        # Their attention has an axis for the heads.
        for variable, value in zip(
            getattr(theirs, theirs_part).weights,
            getattr(ours, ours_part).get_weights(),
            strict=True,
        ):
            variable.assign(value.reshape(variable.shape))

    x = random_inputs(rng)
    padding, pairs = random_mask(rng, BATCH, LENGTH), random_mask(rng, BATCH, LENGTH, LENGTH)
    ours_mask, theirs_masks = {
        "none": (None, {}),
        "padding": (padding, {"padding_mask": padding}),
        "attention": (pairs, {"attention_mask": pairs}),
        "both": (
            pairs & padding[:, None],
            {"attention_mask": pairs, "padding_mask": padding},
        ),
        "implicit and attention": (pairs, {"attention_mask": pairs}),
    }[masks]

    def inputs():
        return with_implicit_mask(x, padding) if masks.startswith("implicit") else x

    outputs, scores = ours(inputs(), attention_mask=ours_mask, return_attention_scores=True)
    expected, expected_scores = theirs(inputs(), **theirs_masks, return_attention_scores=True)
    # Theirs gives no weights to a query that may look at nothing, nor to one that is padding.
    counts = numpy(expected_scores).sum(axis=-1).min(axis=1) > 0.5
    by_query, expected_by_query = (
        np.moveaxis(numpy(weights), 1, 2)[counts] for weights in (scores, expected_scores)
    )
    np.testing.assert_allclose(by_query, expected_by_query, rtol=0, atol=1e-6)
    np.testing.assert_allclose(numpy(outputs)[counts], numpy(expected)[counts], rtol=0, atol=2e-6)


# Padding


@pytest.mark.parametrize("mask_zero", [True, False], ids=["implicit", "explicit"])
def test_padding_never_changes_a_result(rng, mask_zero):
    embedding = TokenAndPositionEmbedding(256, 50, EMBED_DIM, mask_zero=mask_zero)
    embedding.build((None, None))
    ids, mask = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
    x = randomise(embedding, rng)(ids)
    for norm_first in (False, True):
        x = built(rng, norm_first=norm_first)(x, attention_mask=None if mask_zero else mask)
    model = keras.Model([ids, mask], x)

    words = rng.integers(1, 50, size=(2, 23))
    expected = model.predict([words, words != 0], verbose=0)
    for length in (40, 64, 256):
        padded = np.pad(words, ((0, 0), (0, length - 23)))
        outputs = model.predict([padded, padded != 0], verbose=0)
        np.testing.assert_allclose(outputs[:, :23], expected, rtol=0, atol=1e-5)


def test_sends_the_mask_on(rng):
    mask = random_mask(rng, BATCH, LENGTH)
    inputs = with_implicit_mask(random_inputs(rng), mask)
    outputs = built(rng)(inputs)
    np.testing.assert_array_equal(numpy(MaskProbe()(outputs)), mask)
    pooled = MaskedAveragePooling1D()(outputs)
    expected = masked_average(numpy(outputs), mask)
    np.testing.assert_allclose(numpy(pooled), expected, rtol=0, atol=1e-6)


def test_sends_the_mask_on_beside_the_scores(rng):
    mask = random_mask(rng, BATCH, LENGTH)
    inputs = with_implicit_mask(random_inputs(rng), mask)
    outputs, _ = built(rng)(inputs, return_attention_scores=True)
    np.testing.assert_array_equal(numpy(MaskProbe()(outputs)), mask)


@pytest.mark.parametrize("norm_first", [False, True])
def test_leaves_its_inputs_mask_alone(rng, norm_first):
    block, mask = built(rng, norm_first=norm_first), random_mask(rng, BATCH, LENGTH)
    inputs = with_implicit_mask(random_inputs(rng), mask)
    first = numpy(block(inputs))
    np.testing.assert_allclose(numpy(block(inputs)), first, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(numpy(MaskProbe()(inputs)), mask)


@pytest.mark.parametrize("norm_first", [False, True])
def test_two_blocks_side_by_side_see_the_same_mask(rng, norm_first):
    ids = keras.Input((None,), dtype="int32")
    x = TokenAndPositionEmbedding(20, 50, EMBED_DIM)(ids)
    blocks = [built(rng, norm_first=norm_first) for _ in range(2)]
    model = keras.Model(ids, [MaskedAveragePooling1D()(block(x)) for block in blocks])
    words = rng.integers(1, 50, size=(2, 5))
    padded = np.pad(words, ((0, 0), (0, 9)))
    predictions = (model.predict(ids, verbose=0) for ids in (padded, words))
    for pooled, expected in zip(*predictions, strict=True):
        np.testing.assert_allclose(pooled, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("route", ["implicit", "keys", "pairs"])
@pytest.mark.parametrize(
    ("dtype", "norm_first"), [("float32", False), ("float32", True), ("mixed_float16", False)]
)
def test_a_row_of_padding_alone_is_finite_and_changes_no_other(rng, dtype, norm_first, route):
    block, x = built(rng, norm_first=norm_first, dtype=dtype), random_inputs(rng)

    def call(mask, **kwargs):
        if route == "implicit":
            return block(with_implicit_mask(x, mask), **kwargs)
        pairs = np.repeat(mask[:, None], LENGTH, axis=1)
        return block(x, attention_mask=mask if route == "keys" else pairs, **kwargs)

    mask = random_mask(rng, BATCH, LENGTH)
    whole = numpy(call(mask))
    mask[1] = False
    outputs, scores = call(mask, return_attention_scores=True)
    np.testing.assert_allclose(numpy(scores)[1], 1 / LENGTH, atol=MIXED_TOLERANCE.get(dtype, 1e-6))
    for tensor in (outputs, call(mask)):
        assert np.isfinite(numpy(tensor)).all()
        np.testing.assert_allclose(
            numpy(tensor)[mask], whole[mask], rtol=0, atol=MIXED_TOLERANCE.get(dtype, 1e-5)
        )


@pytest.mark.parametrize("route", [None, "implicit", "keys", "pairs"])
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("asking", [1, 3, LENGTH])
def test_the_first_to_ask_get_what_all_would(rng, asking, norm_first, route):
    block, x = built(rng, norm_first=norm_first), random_inputs(rng)
    mask = random_mask(rng, BATCH, *([LENGTH] if route != "pairs" else [LENGTH, LENGTH]))
    context = with_implicit_mask(x, mask) if route == "implicit" else x
    all_mask = mask if route in ("keys", "pairs") else None
    mask = mask[:, :asking] if route == "pairs" else all_mask
    outputs, scores = block(
        context[:, :asking], context=context, attention_mask=mask, return_attention_scores=True
    )
    expected, all_scores = block(context, attention_mask=all_mask, return_attention_scores=True)
    assert outputs.shape == (BATCH, asking, EMBED_DIM)
    np.testing.assert_allclose(numpy(outputs), numpy(expected)[:, :asking], rtol=0, atol=2e-6)
    np.testing.assert_allclose(numpy(scores), numpy(all_scores)[:, :, :asking], rtol=0, atol=1e-6)


# Shapes


@pytest.mark.parametrize("length", [None, 9])
def test_symbolic_outputs_with_a_context(length):
    inputs, context = keras.Input((2, EMBED_DIM)), keras.Input((length, EMBED_DIM))
    block = TransformerBlock(EMBED_DIM, 2, FF_DIM)
    outputs, scores = block(inputs, context=context, return_attention_scores=True)
    assert outputs.shape == (None, 2, EMBED_DIM)
    assert scores.shape == (None, 2, 2, length)


@pytest.mark.parametrize("length", [None, 9])
@pytest.mark.parametrize("mask_axes", [None, 2, 3])
def test_symbolic_outputs(rng, length, mask_axes):
    inputs = keras.Input((length, EMBED_DIM))
    mask = mask_axes and keras.Input((length,) * (mask_axes - 1), dtype="bool")
    block = TransformerBlock(EMBED_DIM, 2, FF_DIM)
    outputs = block(inputs, attention_mask=mask)
    assert outputs.shape == (None, length, EMBED_DIM)
    again, scores = block(inputs, attention_mask=mask, return_attention_scores=True)
    assert again.shape == (None, length, EMBED_DIM)
    assert scores.shape == (None, 2, length, length)
    assert {outputs.dtype, again.dtype, scores.dtype} == {"float32"}


def test_a_functional_model_equals_the_equations(rng):
    block = built(rng)
    inputs = keras.Input((None, EMBED_DIM))
    mask = keras.Input((None,), dtype="bool")
    model = keras.Model(
        [inputs, mask], block(inputs, attention_mask=mask, return_attention_scores=True)
    )
    for length in (LENGTH, 1):
        x, words = random_inputs(rng, length), random_mask(rng, BATCH, length)
        outputs, scores = model.predict([x, words], verbose=0)
        allowed = np.repeat(words[:, None], length, axis=1)
        expected, expected_scores = transformer_block(
            x, weights_of(block), block.num_heads, allowed
        )
        np.testing.assert_allclose(scores, expected_scores, rtol=0, atol=1e-6)
        np.testing.assert_allclose(outputs, expected, rtol=0, atol=5e-6)


def test_time_distributed_it_sees_each_text_alone(rng):
    block = built(rng)
    texts = rng.normal(size=(BATCH, 2, LENGTH, EMBED_DIM)).astype("float32")
    inputs = keras.Input(texts.shape[1:])
    model = keras.Model(inputs, keras.layers.TimeDistributed(block)(inputs))
    for i in range(2):
        expected = numpy(block(texts[:, i]))
        np.testing.assert_allclose(numpy(model(texts))[:, i], expected, rtol=0, atol=1e-5)


# Training


def test_dropout_is_on_in_training_alone(rng):
    x = random_inputs(rng)
    block = built(rng, rate=0.5, attention_dropout=0.5)
    expected, _ = transformer_block(
        x, weights_of(block), block.num_heads, np.ones((BATCH, LENGTH, LENGTH), bool)
    )
    for training in (None, False):
        np.testing.assert_allclose(numpy(block(x, training=training)), expected, rtol=0, atol=5e-6)
    first, second = (numpy(block(x, training=True)) for _ in range(2))
    assert np.abs(first - expected).max() > 0.1
    assert np.abs(first - second).max() > 0.1


def test_training_without_dropout_equals_inference(rng):
    block, x = built(rng, rate=0.0), random_inputs(rng)
    np.testing.assert_array_equal(numpy(block(x, training=True)), numpy(block(x)))


def test_attention_dropout_leaves_the_scores_it_returns_whole(rng):
    block, x = built(rng, rate=0.0, attention_dropout=0.5), random_inputs(rng)
    expected, scores = block(x, return_attention_scores=True)
    outputs, training_scores = block(x, training=True, return_attention_scores=True)
    assert np.abs(numpy(outputs) - numpy(expected)).max() > 0.1
    np.testing.assert_array_equal(numpy(training_scores), numpy(scores))


def test_dropout_falls_on_the_output_of_both_sub_layers(rng):
    # Sub-layers that answer 1 and 10 whatever comes in: each is added scaled up, or not at all.
    rate = 0.25
    block = built(rng, rate=rate, norm_first=True)
    for sub_layer, answer in ((block.attention.output_dense, 1), (block.feed_forward_output, 10)):
        kernel, bias = sub_layer.get_weights()
        sub_layer.set_weights([np.zeros_like(kernel), np.full_like(bias, answer)])
    x = random_inputs(rng)
    added = np.stack([numpy(block(x, training=True)) - x for _ in range(50)]) * (1 - rate)
    values, counts = np.unique(added.round(3), return_counts=True)
    np.testing.assert_array_equal(values, [0, 1, 10, 11])
    shares = [rate * rate, rate * (1 - rate), rate * (1 - rate), (1 - rate) ** 2]
    np.testing.assert_allclose(counts / added.size, shares, rtol=0, atol=0.03)


def training_model(rng):
    """All three layers, one block with the normalisation behind and one with it in front."""
    embedding = TokenAndPositionEmbedding(10, 50, EMBED_DIM)
    embedding.build((None, 10))
    blocks = [built(rng, rate=0.0, norm_first=norm_first) for norm_first in (False, True)]
    ids = keras.Input((10,), dtype="int32")
    x = randomise(embedding, rng)(ids)
    for block in blocks:
        x = block(x)
    return keras.Model(ids, MaskedAveragePooling1D()(x)), blocks


def train_one_step(model, rng, jit_compile):
    # The last row is padding alone.
    ids = rng.integers(1, 50, size=(4, 10)) * (np.arange(10) < [[10], [7], [4], [0]])
    model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
    model.fit(ids, rng.normal(size=(4, EMBED_DIM)), batch_size=4, verbose=0)


def test_gradients_reach_every_weight(rng):
    model, blocks = training_model(rng)
    before = [weights_of(block) for block in blocks]
    train_one_step(model, rng, jit_compile=keras.backend.backend() != "torch")
    for block, old in zip(blocks, before, strict=True):
        changes = {name: np.abs(w - old[name]).max() for name, w in weights_of(block).items()}
        # One number added to all the logits of a query leaves its softmax as it is.
        assert changes.pop("attention/key/bias") < 1e-6
        assert len(changes) == 15
        assert min(changes.values()) > 1e-5, changes
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="JAX is XLA either way, torch.compile is slow to compile on a CPU",
)
def test_a_compiled_training_step_equals_an_uncompiled_one():
    weights = []
    for jit_compile in (True, False):
        rng = np.random.default_rng(0)
        model, _ = training_model(rng)
        train_one_step(model, rng, jit_compile)
        weights.append(model.get_weights())
    for compiled, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(compiled, expected, rtol=0, atol=1e-5)


# Precision


@pytest.mark.parametrize(
    ("policy", "norm_first"), [("mixed_float16", False), ("mixed_bfloat16", True)]
)
def test_mixed_precision(rng, policy, norm_first):
    block = built(rng, dtype=policy, norm_first=norm_first)
    x, mask = random_inputs(rng), random_mask(rng, BATCH, LENGTH)
    outputs, scores = block(x, attention_mask=mask, return_attention_scores=True)
    compute_dtype = policy.removeprefix("mixed_")
    for tensor in (outputs, scores, block(x, attention_mask=mask)):
        assert keras.backend.standardize_dtype(tensor.dtype) == compute_dtype
    for tensor in block(keras.Input((None, EMBED_DIM)), return_attention_scores=True):
        assert tensor.dtype == compute_dtype
    assert {w.dtype for w in block.weights} == {"float32"}

    allowed = np.broadcast_to(mask[:, None], (BATCH, LENGTH, LENGTH))
    expected, expected_scores = transformer_block(
        x, weights_of(block), block.num_heads, allowed, norm_first=norm_first
    )
    tolerance = MIXED_TOLERANCE[policy]
    np.testing.assert_allclose(numpy(scores), expected_scores, rtol=0, atol=tolerance)
    np.testing.assert_allclose(numpy(outputs), expected, rtol=0, atol=tolerance)
    assert (np.moveaxis(numpy(scores), 3, 1)[~mask] == 0).all()


def test_owes_what_every_layer_owes(rng, predict_in_another_process):
    arguments = {
        "embed_dim": EMBED_DIM,
        "num_heads": 3,
        "ff_dim": 10,
        "rate": 0.2,
        "key_dim": 5,
        "activation": "gelu",
        "attention_dropout": 0.3,
        "norm_first": True,
        "epsilon": 1e-3,
    }
    inputs = [random_inputs(rng), random_inputs(rng, 5)]
    check_layer(
        TransformerBlock,
        arguments,
        inputs,
        predict_in_another_process,
        sends_mask=True,
        return_attention_scores=True,
    )


def test_activation_may_be_a_function(rng):
    block = built(rng, activation=keras.activations.gelu)
    named, x = built(rng, activation="gelu"), random_inputs(rng)
    named.set_weights(block.get_weights())
    assert block.get_config()["activation"] == "gelu"
    np.testing.assert_array_equal(numpy(block(x)), numpy(named(x)))


# Errors


@pytest.mark.parametrize("name", ["embed_dim", "num_heads", "ff_dim", "key_dim"])
@pytest.mark.parametrize("value", NOT_POSITIVE_INTEGERS)
def test_refuses_sizes_that_are_not_positive_integers(name, value):
    if (name, value) == ("key_dim", None):
        pytest.skip("None is key_dim's default")
    sizes = {"embed_dim": 8, "num_heads": 2, "ff_dim": 12, name: value}
    message = f"`{name}` must be a positive integer. Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        TransformerBlock(**sizes)


@pytest.mark.parametrize("name", ["rate", "attention_dropout"])
@pytest.mark.parametrize("value", [-0.1, 1, 1.5, True, "0.1", None, float("nan")])
def test_refuses_rates_that_are_not_below_1(name, value):
    message = rf"`{name}` must be in the interval \[0, 1\). Received: {name}={value!r}"
    with pytest.raises(ValueError, match=message):
        TransformerBlock(8, 2, 12, **{name: value})


@pytest.mark.parametrize("epsilon", [0, -1e-6])
def test_refuses_an_epsilon_that_is_not_positive(epsilon):
    message = f"`epsilon` must be positive. Received: epsilon={epsilon!r}"
    with pytest.raises(ValueError, match=message):
        TransformerBlock(8, 2, 12, epsilon=epsilon)


def test_further_arguments_are_keyword_only():
    with pytest.raises(TypeError, match="positional arguments"):
        TransformerBlock(8, 2, 12, 0.1, 4)


@pytest.mark.parametrize("already_built", [False, True])
def test_refuses_inputs_of_another_width(rng, already_built):
    block = built(rng) if already_built else TransformerBlock(EMBED_DIM, 2, FF_DIM)
    with pytest.raises(ValueError, match=r"`inputs` must have embed_dim=8 .* Received: .*5, 4\)"):
        block(np.ones((2, 5, 4), "float32"))


def test_refuses_a_context_of_another_width(rng):
    with pytest.raises(ValueError, match=r"`context` must have embed_dim=8 .* Received: .*5, 4\)"):
        built(rng)(random_inputs(rng), context=np.ones((BATCH, 5, 4), "float32"))


@pytest.mark.parametrize("shape", [(BATCH,), (BATCH, 1, 1, LENGTH)])
def test_refuses_an_attention_mask_of_other_rank(rng, shape):
    with pytest.raises(ValueError, match=r"`attention_mask` must have shape .* Received: shape \("):
        built(rng)(random_inputs(rng), attention_mask=np.ones(shape, bool))
