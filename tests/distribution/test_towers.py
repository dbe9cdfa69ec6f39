"""What a model computes in towers is what it computes whole."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.distribution import Towers
from keras_transformers.models import BertEncoder, masked_language_model
from keras_transformers.training import MaskedCrossEntropy


@pytest.fixture(autouse=True)
def three_devices(monkeypatch):
    """Three towers, all of them on the one device of this process."""
    devices = {"CPU": [SimpleNamespace(name="/CPU:0")] * 3}
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: devices.get(kind, []))


def compiled(model, loss="mse", **options):
    model.compile(keras.optimizers.SGD(0.1), loss, **options)
    return model


def trained(model, in_towers, *data):
    """Returns the weights after two steps, from those that the model has and leaves in it."""
    before = model.get_weights()
    model.optimizer.build(model.trainable_variables)
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(5)
    if in_towers:
        with Towers(model) as towers:
            model.fit(towers.batches(dataset), shuffle=False, verbose=0)
    else:
        model.fit(dataset, shuffle=False, verbose=0)
    after = model.get_weights()
    model.set_weights(before)
    return after


def assert_trains_alike(model, *data):
    whole, in_towers = trained(model, False, *data), trained(model, True, *data)
    assert any(abs(a - b).max() > 1e-3 for a, b in zip(whole, model.get_weights(), strict=True))
    for a, b in zip(whole, in_towers, strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-6)


def test_dicts_of_inputs_and_two_outputs_of_which_one_has_a_loss(rng):
    inputs = {name: keras.Input((4,), name=name) for name in ("a", "b")}
    x = keras.layers.Dense(3)(keras.layers.Add()([*inputs.values()]))
    outputs = {"c": keras.layers.Dense(2)(x), "d": keras.layers.Dense(2)(x)}
    model = compiled(keras.Model(inputs, outputs), {"c": "mse", "d": None})
    data = {name: rng.normal(size=(7, 4)).astype("float32") for name in inputs}
    assert_trains_alike(model, data, {"c": rng.normal(size=(7, 2)), "d": np.zeros((7, 2))})


def test_masks_of_outputs_reach_the_loss(rng):
    # A loss that Keras masks: the mean goes over the tokens there are.
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(9, 4, mask_zero=True)(ids)
    model = compiled(keras.Model(ids, keras.layers.Dense(2)(vectors)))
    data = rng.integers(1, 9, (7, 6)) * (np.arange(6) < rng.integers(1, 7, (7, 1)))
    assert_trains_alike(model, data.astype("int32"), rng.normal(size=(7, 6, 2)))


def test_the_norm_that_is_clipped_and_the_mean_of_tokens_are_those_of_one_device(rng):
    # The only segment is shared by all rows, the token matrix by both ends of the model.
    options = {"pooler": False, "dropout": 0.0, "attention_dropout": 0.0}
    model = masked_language_model(BertEncoder(20, 1, 8, 2, 8, 6, **options))
    model.compile(keras.optimizers.SGD(1.0, global_clipnorm=0.1), MaskedCrossEntropy())
    ids = rng.integers(1, 20, (7, 6)).astype("int32")
    hidden = np.array([[4, 0], [5, 6], [7, 0], [8, 9], [9, 0], [3, 0], [2, 1]], "int32")
    inputs = {"input_word_ids": ids, "masked_positions": np.full((7, 2), [1, 4], "int32")}
    assert_trains_alike(model, inputs, hidden)


def test_batches_of_fewer_rows_than_devices(rng):
    model = compiled(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
    data = rng.normal(size=(6, 4)).astype("float32"), rng.normal(size=(6, 2))
    assert_trains_alike(model, *data)  # 5 rows, and then one


def test_strings_are_divided():
    lookup = keras.layers.StringLookup(vocabulary=["a", "b", "c"])
    texts = keras.Input((), dtype="string")
    model = keras.Model(texts, lookup(texts))
    batch = tf.constant(["a", "b", "c", "b", "?"])
    whole = model(batch)
    compiled(model)
    with Towers(model):
        np.testing.assert_array_equal(model(batch), whole)
        np.testing.assert_array_equal(model.predict(batch, verbose=0), whole)


class Rows(keras.layers.Layer):
    """Tells each row how many there are."""

    def call(self, inputs):
        return inputs * 0 + keras.ops.cast(keras.ops.shape(inputs)[0], inputs.dtype)


def test_rows_lie_evenly_and_the_model_is_whole_again_afterwards():
    model = compiled(keras.Sequential([keras.Input((1,)), Rows()]), jit_compile=True)
    ones = np.ones((7, 1))
    with Towers(model):
        assert not model.jit_compile
        np.testing.assert_array_equal(model(ones)[:, 0], [2, 2, 2, 2, 3, 3, 3])
        np.testing.assert_array_equal(model.predict_on_batch(ones)[:, 0], [2, 2, 2, 2, 3, 3, 3])
    assert model.jit_compile
    np.testing.assert_array_equal(model(ones), 7 * ones)
    np.testing.assert_array_equal(model.predict_on_batch(ones), 7 * ones)


def test_each_device_computes_the_gradient_of_its_rows(monkeypatch):
    devices = [SimpleNamespace(name=f"/device:GPU:{i}") for i in range(2)]
    monkeypatch.setattr(tf.config, "list_logical_devices", {"GPU": devices}.get)
    layers = [keras.layers.Dense(2, activation="tanh"), keras.layers.Dense(2)]
    model = compiled(keras.Sequential([keras.Input((4,)), *layers]))

    @tf.function(input_signature=[tf.TensorSpec((None, 4))])
    def gradients(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True))
        return tape.gradient(loss, model.trainable_weights)

    with Towers(model):
        operations = gradients.get_concrete_function().graph.get_operations()
    products = [x.device for x in operations if x.type == "MatMul"]
    # Two forward; backward two for the weights and one for what is between.
    assert sorted(products) == ["/device:GPU:0"] * 5 + ["/device:GPU:1"] * 5
