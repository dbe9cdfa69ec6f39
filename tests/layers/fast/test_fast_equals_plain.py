"""Each fast form gives the values and the gradients of the equation it stands for."""

import functools

import keras
import numpy as np
import pytest
from support.checks import numpy, random_mask

from keras_transformers.layers import MultiHeadAttention, TransformerBlock, fast, plain
from keras_transformers.layers.fast.attention import folded, for_one_query
from keras_transformers.layers.gelu_tanh import gelu_tanh

BATCH, QUERIES, KEYS, DIM = 3, 4, 7, 8
X = np.random.default_rng(1).normal(size=(BATCH, KEYS, DIM)).astype("float32")
MASK = random_mask(np.random.default_rng(2), BATCH, KEYS)
PAIRS = random_mask(np.random.default_rng(3), BATCH, QUERIES, KEYS)


def attention(num_heads, key_dim, queries, value_dim=DIM, mask=MASK, dropout=0.0):
    layer = MultiHeadAttention(num_heads, key_dim, dropout)
    layer.build((None, None, DIM), (None, None, value_dim))

    def call(x):
        return layer(x[:, :queries], x[..., :value_dim], attention_mask=mask, training=True)

    return layer, call


def block(**options):
    layer = TransformerBlock(DIM, 2, 12, 0.0, key_dim=4, **options)
    layer.build((None, None, DIM))
    return layer, functools.partial(layer, attention_mask=MASK, training=True)


def normalisation():
    layer = fast.LayerNormalization(epsilon=1e-6)
    layer.build((None, None, DIM))
    return layer, layer


CASES = {
    "folded": lambda: attention(2, DIM, KEYS),
    "folded, wider heads": lambda: attention(3, 12, KEYS),
    "folded, two sequences": lambda: attention(2, 6, QUERIES, value_dim=6, mask=PAIRS),
    "one_query": lambda: attention(2, 5, 1),
    "one_query, two sequences": lambda: attention(2, 5, 1, value_dim=6),
    # With one head both forms draw for the weights in the same order.
    "one_query, dropout": lambda: attention(1, 5, 1, dropout=0.5),
    "by_vector": block,
    "gelu": lambda: block(activation="gelu"),
    "gelu, tanh": lambda: block(activation=gelu_tanh),
    "layer_normalization": normalisation,
}


def value_and_gradients(layer, call, x):
    import tensorflow as tf

    x = tf.constant(x)
    for generator in layer._flatten_layers():
        if seeds := getattr(generator, "seed_generator", None):
            seeds.state.assign([1, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = call(x)
        loss = tf.reduce_mean(outputs**3)
    return [outputs, *tape.gradient(loss, [x, *layer.trainable_variables])]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's gradient tape")
@pytest.mark.parametrize("case", CASES)
def test_fast_equals_plain(rng, case):
    layer, call = CASES[case]()
    layer.set_weights([rng.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    given = value_and_gradients(layer, call, X)
    with plain(case.split(",")[0]):
        expected = value_and_gradients(layer, call, X)
    for ours, theirs in zip(given, expected, strict=True):
        scale = max(1, np.abs(theirs).max())
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("key_dim", "dropout", "queries", "keys", "form"),
    [
        (8, 0, 4, 4, folded),
        (8, 0, None, None, folded),
        (7, 0, None, None, None),
        (8, 0.1, None, None, None),
        (7, 0, 1, None, for_one_query),
        (7, 0.1, 1, 50, for_one_query),
        (7, 0, 2, None, None),
    ],
)
def test_the_form_that_computes_least(key_dim, dropout, queries, keys, form):
    layer = MultiHeadAttention(2, key_dim, dropout)
    layer.build((None, None, DIM), (None, None, DIM))
    arguments = layer, keras.KerasTensor((2, queries, DIM)), keras.KerasTensor((2, keys, DIM))
    chosen = fast.attention(*arguments)
    assert getattr(chosen, "func", None) is form
    with plain():
        assert fast.attention(*arguments) is None


def test_a_quantized_layer_computes_the_equation():
    layer = MultiHeadAttention(2, DIM)
    x = keras.ops.convert_to_tensor(X)
    expected = numpy(layer(x, x))
    for dense in (layer.query_dense, layer.key_dense, layer.value_dense, layer.output_dense):
        dense.quantize("int8")
    assert fast.attention(layer, x, x) is None
    np.testing.assert_allclose(numpy(layer(x, x)), expected, atol=0.05)


def test_plain_ends_with_its_block():
    layer = MultiHeadAttention(2, DIM)
    x = keras.ops.convert_to_tensor(X)
    layer(x, x)
    with plain():
        with plain("gelu"):
            assert fast.attention(layer, x, x) is None
        assert fast.attention(layer, x, x) is None
    assert fast.attention(layer, x, x) is not None


def test_switches_one_form_off_and_leaves_the_others():
    layer = MultiHeadAttention(2, DIM)
    x = keras.ops.convert_to_tensor(X)
    layer(x, x)
    with plain("gelu", "dropout"):
        assert fast.attention(layer, x, x).func is folded


def test_unknown_form():
    with pytest.raises(ValueError, match=r"`forms` must be of folded, .* Received: \['slow'\]"):
        plain("slow").__enter__()
