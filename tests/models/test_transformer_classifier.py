"""The from-scratch classifier, against a forward pass written in NumPy."""

import keras
import numpy as np
import pytest

from keras_transformers.models import transformer_classifier

SIZES = {"vocab_size": 50, "maxlen": 64, "embed_dim": 8, "num_heads": 2, "ff_dim": 12}


def with_random_weights(model, seed=0):
    """Biases and gains too, which start as zeros and ones."""
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = rng.normal(0, 0.3, variable.shape)
        variable.assign(noise + (variable.path.endswith("gamma")))
    return model


def random_ids(rows, length, seed=0, vocab_size=50):
    """Ids with padding at the end of most rows."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, vocab_size, (rows, length))
    lengths = rng.integers(1, length + 1, rows)
    return np.where(np.arange(length) < lengths[:, None], ids, 0).astype("int32")


def predict(model, ids):
    return keras.ops.convert_to_numpy(model(ids, training=False))


# --- the same in NumPy, one row at a time, padding cut off -----------------------------------


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def layer_norm(x, gamma, beta, epsilon=1e-6):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * gamma + beta


def block_in_numpy(x, w):
    heads = []
    for part in np.split(np.arange(w["query/bias"].size), SIZES["num_heads"]):
        q, k, v = (
            x @ w[f"{name}/kernel"][:, part] + w[f"{name}/bias"][part]
            for name in ("query", "key", "value")
        )
        scores = softmax(q @ k.T / np.sqrt(q.shape[-1]))
        heads.append(scores @ v @ w["output/kernel"][part])
    attended = sum(heads) + w["output/bias"]
    x = layer_norm(x + attended, w["attention_norm/gamma"], w["attention_norm/beta"])
    hidden = np.maximum(0, x @ w["feed_forward_hidden/kernel"] + w["feed_forward_hidden/bias"])
    y = hidden @ w["feed_forward_output/kernel"] + w["feed_forward_output/bias"]
    return layer_norm(x + y, w["feed_forward_norm/gamma"], w["feed_forward_norm/beta"])


def classifier_in_numpy(model, row, num_blocks):
    weights = {v.path: keras.ops.convert_to_numpy(v).astype("float64") for v in model.weights}

    def of(layer):
        parts = {path.split(f"{layer}/", 1)[1]: w for path, w in weights.items() if layer in path}
        return {path.removeprefix("attention/"): w for path, w in parts.items()}

    row = row[row != 0]
    embedding = of("embedding")
    x = weights["embedding/token_embedding/embeddings"][row]
    x = x + weights["embedding/position_embedding/embeddings"][: len(row)]
    assert len(embedding) == 2
    for block in range(num_blocks):
        x = block_in_numpy(x, of(f"block_{block}"))
    x = x.mean(axis=0)
    x = np.maximum(0, x @ weights["hidden/kernel"] + weights["hidden/bias"])
    return softmax(x @ weights["probabilities/kernel"] + weights["probabilities/bias"])


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_equals_numpy(num_blocks):
    model = with_random_weights(transformer_classifier(**SIZES, num_blocks=num_blocks))
    ids = random_ids(9, 20)
    expected = np.stack([classifier_in_numpy(model, row, num_blocks) for row in ids])
    assert np.ptp(expected, axis=0).max() > 0.05  # the weights make the rows differ
    np.testing.assert_allclose(predict(model, ids), expected, atol=1e-5)


# --- counts, padding, probabilities ----------------------------------------------------------


def test_default_sizes_have_659592_weights():
    assert transformer_classifier().count_params() == 659_592


@pytest.mark.parametrize("num_blocks", [1, 3])
def test_number_of_weights(num_blocks):
    vocab_size, maxlen, d, heads, ff, classes = 50, 16, 6, 3, 10, 5
    attention = 3 * heads * d * (d + 1) + heads * d * d + d
    block = attention + (d * ff + ff) + (ff * d + d) + 4 * d
    head = d * 20 + 20 + 20 * classes + classes
    model = transformer_classifier(vocab_size, maxlen, d, heads, ff, classes, num_blocks=num_blocks)
    assert model.count_params() == (vocab_size + maxlen) * d + num_blocks * block + head


def test_padding_changes_nothing():
    model = with_random_weights(transformer_classifier(**(SIZES | {"maxlen": 256})))
    ids = random_ids(6, 40)
    short = predict(model, ids)
    for length in (41, 64, 256):
        padded = np.pad(ids, ((0, 0), (0, length - 40)))
        np.testing.assert_allclose(predict(model, padded), short, atol=1e-5)


def test_probabilities_sum_to_1():
    model = with_random_weights(transformer_classifier(**SIZES, num_classes=7))
    probabilities = predict(model, random_ids(20, 30))
    assert probabilities.shape == (20, 7)
    assert probabilities.dtype == np.float32
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)


def test_a_row_of_padding_alone_is_finite():
    model = with_random_weights(transformer_classifier(**SIZES))
    probabilities = predict(model, np.zeros((1, 5), "int32"))
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-6)


def test_order_of_words_matters():
    model = with_random_weights(transformer_classifier(**SIZES))
    ids = np.arange(1, 11)[None]
    assert np.abs(predict(model, ids) - predict(model, ids[:, ::-1])).max() > 1e-3


def test_longer_than_maxlen_is_refused():
    model = transformer_classifier(**SIZES)
    with pytest.raises(ValueError, match="maxlen=64"):
        model(np.ones((1, 65), "int32"))


def test_dropout_is_on_in_training_alone():
    model = with_random_weights(transformer_classifier(**SIZES, rate=0.5))
    ids = random_ids(4, 10)
    trained = [keras.ops.convert_to_numpy(model(ids, training=True)) for _ in range(2)]
    assert np.abs(trained[0] - trained[1]).max() > 1e-3
    np.testing.assert_array_equal(predict(model, ids), predict(model, ids))


# --- training --------------------------------------------------------------------------------


def compiled(learning_rate=0.01, compile_options=None, **options):
    keras.utils.set_random_seed(0)
    model = transformer_classifier(**(SIZES | {"maxlen": 12}), **options)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        **(compile_options or {}),
    )
    return model


@pytest.fixture
def rows():
    """32 rows with labels that only learning by heart can give."""
    return random_ids(32, 12, seed=3), np.random.default_rng(3).integers(0, 4, 32)


def test_overfits_32_rows(rows):
    model = compiled()
    before = model.evaluate(*rows, verbose=0)[0]
    ids, labels = (np.concatenate([part] * 150) for part in rows)
    model.fit(ids, labels, batch_size=32, shuffle=False, verbose=0)
    loss, accuracy = model.evaluate(*rows, verbose=0)
    assert before > 1.2
    assert accuracy == 1
    assert loss < 0.1


def test_jit_compiled_training_is_the_same(rows):
    weights = []
    for compile_options in ({"run_eagerly": True}, {"jit_compile": True}):
        model = compiled(0.001, compile_options, rate=0.0)
        model.fit(*rows, batch_size=16, shuffle=False, verbose=0)
        weights.append(np.concatenate([np.ravel(w) for w in model.get_weights()]))
    np.testing.assert_allclose(weights[1], weights[0], atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(rows, policy):
    plain = with_random_weights(transformer_classifier(**SIZES))
    mixed = mixed_precision_model(policy)
    assert mixed.get_layer("block_0").compute_dtype == policy.removeprefix("mixed_")
    mixed.set_weights(plain.get_weights())
    probabilities = predict(mixed, rows[0])
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, predict(plain, rows[0]), atol=0.05)


def test_mixed_precision_training(rows):
    model = mixed_precision_model("mixed_float16")
    # Tracing would take longer than these few steps.
    optimizer = keras.optimizers.Adam(0.03)
    model.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
    before = model.evaluate(*rows, verbose=0)
    model.fit(*rows, batch_size=32, epochs=15, verbose=0)
    assert model.evaluate(*rows, verbose=0) < 0.9 * before


def mixed_precision_model(policy):
    keras.config.set_dtype_policy(policy)
    try:
        return transformer_classifier(**SIZES)
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in (*SIZES, "num_classes", "num_blocks")),
        ("embed_dim", -2),
        ("num_blocks", 1.5),
        ("rate", 1.0),
        ("rate", -0.1),
    ],
)
def test_wrong_arguments(name, value):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}={value!r}"):
        transformer_classifier(**(SIZES | {name: value}))
