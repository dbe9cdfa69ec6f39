"""HubLayer against tensorflow_hub's own KerasLayer (of tf_keras) on the same SavedModels."""

import functools
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_transformers.hub.hub_layer import HubLayer

if keras.backend.backend() != "tensorflow":
    pytest.skip("HubLayer runs on the TensorFlow backend", allow_module_level=True)

import tensorflow as tf
import tf_keras

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import tensorflow_hub as hub

ROOT = Path(__file__).parents[2]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "dog", "sat", "ran", "."]
TEXTS = ["the cat sat.", "the dog ran .", "cat", "a dog sat the dog sat"]


def export_bert(directory, **sizes):
    """Writes an encoder and its preprocessing model, with random weights, as TF Hub has them."""
    from official.legacy.bert import configs
    from official.nlp.tools import export_tfhub_lib

    vocab = directory / "vocab.txt"
    vocab.write_text("\n".join(WORDS))
    config = configs.BertConfig(**sizes)
    encoder = export_tfhub_lib.get_bert_encoder(config)
    checkpoint = tf.train.Checkpoint(model=encoder, encoder=encoder).save(str(directory / "start"))
    export_tfhub_lib.export_model(
        str(directory / "encoder"),
        bert_config=config,
        model_checkpoint_path=checkpoint,
        with_mlm=False,
        vocab_file=str(vocab),
        do_lower_case=True,
    )
    export_tfhub_lib.export_preprocessing(
        str(directory / "preprocess"),
        vocab_file=str(vocab),
        do_lower_case=True,
        tokenize_with_offsets=False,
        default_seq_length=12,
    )
    return directory


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return export_bert(
        tmp_path_factory.mktemp("bert"),
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        type_vocab_size=2,
        hidden_dropout_prob=0.3,
        initializer_range=0.5,
    )


@pytest.fixture(scope="module")
def encoder(bert):
    return str(bert / "encoder")


@pytest.fixture(scope="module")
def preprocess(bert):
    return str(bert / "preprocess")


@functools.cache
def hub_layer(handle, **options):
    """A layer of ours for tests that leave its weights alone."""
    return HubLayer(handle, **options)


@functools.cache
def reference(handle, **options):
    """The same layer of tensorflow_hub."""
    return hub.KerasLayer(handle, **options)


@pytest.fixture(scope="module")
def text_embedding(tmp_path_factory):
    """Strings in, the mean of their words' vectors out, words looked up in a file."""
    directory = tmp_path_factory.mktemp("text_embedding")
    (directory / "words.txt").write_text("\n".join(WORDS))

    class TextEmbedding(tf.Module):
        def __init__(self):
            initializer = tf.lookup.TextFileInitializer(
                str(directory / "words.txt"),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)
            vectors = np.random.default_rng(0).normal(size=(len(WORDS) + 1, 6))
            self.embeddings = tf.Variable(vectors, dtype=tf.float32, name="embeddings")
            self.calls = tf.Variable(0, trainable=False, name="calls")
            self.trainable_variables = [self.embeddings]
            self.variables = [self.embeddings, self.calls]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, sentences):
            ids = self.table.lookup(tf.strings.split(sentences))
            return tf.reduce_mean(tf.gather(self.embeddings, ids), axis=1)

    # tf.Module has these two as properties, which a SavedModel does not store.
    TextEmbedding.variables = TextEmbedding.trainable_variables = None
    tf.saved_model.save(TextEmbedding(), str(directory / "saved"))
    return str(directory / "saved")


@pytest.fixture(scope="module")
def signatures(tmp_path_factory):
    """Cannot be called itself; one signature with one input, one with two."""
    directory = str(tmp_path_factory.mktemp("signatures") / "saved")
    rng = np.random.default_rng(1)
    module = tf.Module()
    module.kernel = tf.Variable(rng.normal(size=(3, 2)), dtype=tf.float32, name="dense/kernel")
    module.offset = tf.Variable([1.0, 2.0], trainable=False, name="dense/offset")
    vectors = tf.TensorSpec([None, 3], tf.float32)

    @tf.function(input_signature=[vectors])
    def project(x):
        return {"projected": x @ module.kernel + module.offset, "norm": tf.norm(x, axis=-1)}

    @tf.function(input_signature=[vectors, vectors])
    def compare(left, right):
        return {"similarity": tf.reduce_sum((left @ module.kernel) * (right @ module.kernel), -1)}

    tf.saved_model.save(module, directory, {"serving_default": project, "compare": compare})
    return directory


@pytest.fixture(scope="module")
def regularized(tmp_path_factory):
    """A tf_keras model with L2 and L1 losses and a batch normalisation's moving averages."""
    directory = str(tmp_path_factory.mktemp("regularized") / "saved")
    tf_keras.utils.set_random_seed(2)
    model = tf_keras.Sequential(
        [
            tf_keras.layers.InputLayer((4,)),
            tf_keras.layers.Dense(5, "tanh", kernel_regularizer="l2"),
            tf_keras.layers.Dense(3, kernel_regularizer="l1", bias_regularizer="l2"),
            tf_keras.layers.BatchNormalization(trainable=False),
        ]
    )
    model.save(directory, save_format="tf")
    return directory


@pytest.fixture(scope="module")
def dropout(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("dropout") / "saved")
    layers = [tf_keras.layers.InputLayer((None,)), tf_keras.layers.Dropout(0.4)]
    tf_keras.Sequential(layers).save(directory, save_format="tf")
    return directory


@pytest.fixture(scope="module")
def switch(tmp_path_factory):
    """Traced with `training` as a tensor; takes a further argument; nests its outputs."""
    directory = str(tmp_path_factory.mktemp("switch") / "saved")
    module = tf.Module()

    @tf.function
    def call(inputs, training=False, scale=1.0):
        x = tf.where(training, -inputs, inputs) * scale
        return {"outer": [x, {"inner": x + 1}], "nothing": None, "on": training}

    module.__call__ = call
    flag, number = tf.TensorSpec([], tf.bool), tf.TensorSpec([], tf.float32)
    call.get_concrete_function(tf.TensorSpec([None], tf.float32), flag, number)
    tf.saved_model.save(module, directory)
    return directory


def bert_inputs(batch=3, length=8, seed=0):
    rng = np.random.default_rng(seed)
    mask = rng.integers(0, 2, size=(batch, length))
    mask[:, 0] = 1
    return {
        "input_word_ids": tf.constant(rng.integers(1, len(WORDS), size=mask.shape) * mask, "int32"),
        "input_mask": tf.constant(mask, "int32"),
        "input_type_ids": tf.constant(rng.integers(0, 2, size=mask.shape), "int32"),
    }


def vectors(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def assert_same(actual, expected, atol=1e-6):
    tf.nest.assert_same_structure(actual, expected, check_types=False)
    for x, y in zip(tf.nest.flatten(actual), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, atol=atol, rtol=0)


def count(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def run_python(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
    )


# Outputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 8, 32])
def test_bert_outputs(encoder, length):
    inputs = bert_inputs(length=length)
    outputs = hub_layer(encoder)(inputs)
    assert_same(outputs, reference(encoder)(inputs))
    assert set(outputs) == {"default", "pooled_output", "sequence_output", "encoder_outputs"}
    assert [tuple(x.shape) for x in outputs["encoder_outputs"]] == [(3, length, 16)]


def test_output_key(encoder):
    inputs = bert_inputs()
    layer = hub_layer(encoder, output_key="pooled_output")
    assert_same(layer(inputs), reference(encoder)(inputs)["pooled_output"])


def test_strings(text_embedding, preprocess):
    texts = tf.constant(TEXTS)
    for handle in (text_embedding, preprocess):
        expected = reference(handle)(texts)
        assert_same(hub_layer(handle)(texts), expected)
        assert_same(hub_layer(handle)(np.array(TEXTS)), expected)


def test_resolved_object_offers_the_rest(preprocess):
    layer = hub_layer(preprocess)
    tokens = layer.resolved_object.tokenize(tf.constant(TEXTS))
    packed = layer.resolved_object.bert_pack_inputs([tokens], seq_length=tf.constant(5))
    np.testing.assert_array_equal(
        packed["input_mask"], layer(tf.constant(TEXTS))["input_mask"][:, :5]
    )


def test_nested_outputs_and_further_arguments(switch):
    x = tf.constant([1.0, 2.0])
    outputs = HubLayer(switch, arguments={"scale": 3.0})(x)
    assert outputs["nothing"] is None
    assert not outputs["on"]
    expected = hub.KerasLayer(switch, arguments={"scale": 3.0})(x)
    assert_same(outputs["outer"], expected["outer"])
    np.testing.assert_array_equal(outputs["outer"][1]["inner"], [4, 7])


def test_signatures(signatures):
    x, y = vectors(5, 3), vectors(5, 3, seed=1)

    def by_name(name):
        return hub.KerasLayer(signatures, signature=name, signature_outputs_as_dict=True)

    expected = by_name("serving_default")(x)
    assert_same(hub_layer(signatures)(x), expected)
    assert_same(hub_layer(signatures)({"x": x}), expected)
    assert_same(HubLayer(signatures, output_key="norm")(x), expected["norm"])
    pair = {"left": x, "right": y}
    expected = by_name("compare")(pair)
    assert_same(HubLayer(signatures, signature="compare")(pair), expected)
    assert_same(HubLayer(signatures, signature="compare", arguments={"right": y})(x), expected)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_a_signatures_one_input_is_cast(signatures, dtype):
    x = tf.cast(vectors(2, 3), dtype)
    layer = HubLayer(signatures)
    assert_same(layer(x), layer({"x": tf.cast(x, "float32")}), atol=0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, dtype=dtype), layer])
    assert model.predict(vectors(2, 3), verbose=0)["projected"].shape == (2, 2)


def test_a_signature_of_a_callable_savedmodel(regularized):
    x = vectors(2, 4)
    (outputs,) = HubLayer(regularized, signature="serving_default")(x).values()
    assert_same(outputs, reference(regularized)(x))


@pytest.mark.parametrize("dtype", ["int64", "int16"])
def test_integers_are_cast_to_what_the_savedmodel_takes(encoder, dtype):
    inputs = bert_inputs()
    layer = hub_layer(encoder)
    assert_same(layer({k: tf.cast(x, dtype) for k, x in inputs.items()}), layer(inputs), atol=0)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_floats_are_cast_to_what_the_savedmodel_takes(regularized, dtype):
    layer = hub_layer(regularized)
    x = tf.cast(vectors(2, 4), dtype)
    assert_same(layer(x), layer(tf.cast(x, "float32")), atol=0)


def test_of_several_traces_the_nearest_is_taken(tmp_path):
    module = tf.Module()
    module.__call__ = tf.function(lambda x: x + 1)
    for dtype in (tf.int32, tf.float32, tf.int64):
        module.__call__.get_concrete_function(tf.TensorSpec([None], dtype))
    tf.saved_model.save(module, str(tmp_path))
    layer = HubLayer(tmp_path)
    assert layer(tf.constant([2**40], tf.int64))[0] == 2**40 + 1
    assert layer(tf.constant([1], tf.int32)).dtype == tf.int32
    assert layer(tf.constant([0.5], tf.float16))[0] == 1.5


# Weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["encoder", "preprocess", "text_embedding", "regularized"])
def test_weight_counts(request, name):
    handle = request.getfixturevalue(name)
    ours, theirs = HubLayer(handle), hub.KerasLayer(handle)
    assert len(ours.weights) == len(theirs.weights)
    for trainable in (False, True, False):
        ours.trainable = theirs.trainable = trainable
        assert count(ours.trainable_weights) == count(theirs.trainable_weights)
        assert count(ours.non_trainable_weights) == count(theirs.non_trainable_weights)


def test_counts_in_the_summary(encoder):
    layer = HubLayer(encoder, output_key="pooled_output")
    model = keras.Sequential([layer, keras.layers.Dense(4)])
    model(bert_inputs())

    def summary():
        lines = []
        model.summary(print_fn=lines.append)
        return "".join(lines)

    bert_weights = layer.count_params()
    assert f"Trainable params: {16 * 4 + 4} " in summary()
    assert f"Non-trainable params: {bert_weights:,} " in summary()
    layer.trainable = True
    assert f"Trainable params: {bert_weights - 1 + 16 * 4 + 4:,} " in summary()
    assert "Non-trainable params: 1 " in summary()


@pytest.mark.slow
def test_weight_counts_of_the_published_small_bert(tmp_path):
    export_bert(
        tmp_path,
        vocab_size=30522,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=512,
        max_position_embeddings=512,
        type_vocab_size=2,
    )
    layer = HubLayer(tmp_path / "encoder")
    assert layer.count_params() == 4_782_465
    assert count(layer.trainable_weights) == 0
    layer.trainable = True
    assert count(layer.trainable_weights) == 4_782_464
    assert count(layer.non_trainable_weights) == 1


def test_weights_share_the_variables_of_the_savedmodel(encoder):
    inputs = bert_inputs()
    layer = HubLayer(encoder)
    restored = list(layer.resolved_object.variables)
    assert len(layer.weights) == len(restored)
    assert {id(w.value) for w in layer.weights} == {id(v) for v in restored}
    before = layer.resolved_object(inputs)["pooled_output"]
    layer.weights[0].assign(-layer.weights[0])
    assert np.abs(layer.resolved_object(inputs)["pooled_output"] - before).max() > 1e-3


def test_weight_names(encoder, tmp_path):
    layer = HubLayer(encoder, name="bert")
    names = [w.name for w in layer.weights]
    assert len(set(names)) == len(names)
    assert "transformer.layer_0.self_attention.query.kernel" in names
    assert layer.weights[0].path == "bert/word_embeddings.embeddings"

    module = tf.Module()
    module.all = [tf.Variable(float(i), name=n) for i, n in enumerate(["a", "a_1", "a", "a"])]
    module.__call__ = tf.function(lambda x: x + tf.add_n(module.all), [tf.TensorSpec([])])
    tf.saved_model.save(module, str(tmp_path))
    assert sorted(w.name for w in HubLayer(tmp_path).weights) == ["a", "a_1", "a_2", "a_3"]


def test_weights_without_a_list_of_them_are_those_in_use(signatures):
    # tensorflow_hub's layer finds none here.
    layer = HubLayer(signatures, trainable=True)
    assert [w.name for w in layer.trainable_weights] == ["dense.kernel"]
    assert [w.name for w in layer.non_trainable_weights] == ["dense.offset"]


# Training -----------------------------------------------------------------------------------------


def test_gradients(encoder):
    inputs = bert_inputs()
    target = vectors(3, 16)

    def gradients(layer):
        with tf.GradientTape() as tape:
            outputs = layer(inputs, training=False)
            loss = tf.reduce_sum(outputs["pooled_output"] * target)
            loss += tf.reduce_mean(outputs["sequence_output"] ** 2)
        return tape.gradient(loss, layer.trainable_weights)

    ours = gradients(HubLayer(encoder, trainable=True))
    theirs = gradients(hub.KerasLayer(encoder, trainable=True))
    assert len(ours) == 23
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(a), tf.convert_to_tensor(b), atol=1e-5)
    assert all(np.abs(tf.convert_to_tensor(g)).max() > 0 for g in ours)


def fit(library, hub_layer, x, y, jit_compile=False):
    model = library.Sequential([hub_layer, library.layers.Dense(1, kernel_initializer="ones")])
    model(x[:1])
    model.compile(library.optimizers.SGD(0.1), "mse", jit_compile=jit_compile)
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    return model, history.history["loss"]


def test_fit_trains_the_savedmodel_as_tf_keras_does(regularized):
    x, y = vectors(16, 4), vectors(16, 1, seed=1)
    ours, theirs = (
        HubLayer(regularized, trainable=True),
        hub.KerasLayer(regularized, trainable=True),
    )
    before = ours.resolved_object(x)
    model, losses = fit(keras, ours, x, y)
    expected_model, expected_losses = fit(tf_keras, theirs, x, y)

    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    assert_same([w.numpy() for w in ours.weights], [w.numpy() for w in theirs.weights], atol=1e-5)
    assert_same(model.predict(x, verbose=0), expected_model.predict(x, verbose=0), atol=1e-5)
    assert np.abs(ours.resolved_object(x) - before).max() > 1e-2


def test_frozen_weights_stay_until_unfrozen(regularized):
    x, y = vectors(16, 4), vectors(16, 1, seed=1)
    layer = HubLayer(regularized)
    before = [w.numpy() for w in layer.weights]
    model, _ = fit(keras, layer, x, y)
    assert_same([w.numpy() for w in layer.weights], before, atol=0)
    layer.trainable = True
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert all(
        np.abs(w - b).max() > 0 for w, b in zip(layer.trainable_weights, before, strict=False)
    )


def test_fit_through_strings(text_embedding):
    layer = HubLayer(text_embedding, trainable=True)
    before = layer.weights[0].numpy()
    model = keras.Sequential([keras.Input((), dtype="string"), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(tf.constant(["the cat", "dog"]), np.ones(2), verbose=0)
    changed = np.abs(layer.weights[0].numpy() - before).max(axis=1) > 0
    assert [WORDS[i] for i in np.flatnonzero(changed)] == ["the", "cat", "dog"]


def test_bert_dropout_is_on_in_training_only(encoder):
    inputs = bert_inputs()
    layer = HubLayer(encoder, trainable=True, output_key="sequence_output")
    inference = reference(encoder)(inputs)["sequence_output"]
    assert_same(layer(inputs), inference)
    assert_same(layer(inputs, training=False), inference)
    assert np.abs(layer(inputs, training=True) - inference).max() > 1e-2
    assert np.abs(layer(inputs, training=True) - layer(inputs, training=True)).max() > 1e-2


@pytest.mark.parametrize("trainable", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_training_mode(dropout, trainable, training):
    x = tf.ones((1, 10_000))
    ours = HubLayer(dropout, trainable=trainable)(x, training=training)
    theirs = hub.KerasLayer(dropout, trainable=trainable)(x, training=training)
    rate = 0.4 if trainable and training else 0.0
    for outputs in (ours, theirs):
        assert abs(np.mean(outputs == 0) - rate) < 0.03
        np.testing.assert_allclose(np.max(outputs), 1 / (1 - rate), rtol=1e-6)


def test_training_as_a_tensor(dropout, switch):
    x = tf.ones((1, 10_000))
    for handle, is_on in ((dropout, lambda y: tf.reduce_any(y == 0)), (switch, lambda y: y["on"])):
        layer = HubLayer(handle, trainable=True)
        inputs = x[0] if handle == switch else x
        call = tf.function(lambda training, layer=layer, x=inputs: layer(x, training=training))
        for training in (tf.constant(True), tf.constant(False)):
            assert bool(is_on(layer(inputs, training=training))) == bool(training)
            assert bool(is_on(call(training))) == bool(training)


def test_training_reaches_a_call_traced_with_a_tensor(switch):
    layer = HubLayer(switch, trainable=True)
    np.testing.assert_array_equal(layer(tf.constant([2.0]), training=True)["outer"][0], [-2])
    layer.trainable = False
    np.testing.assert_array_equal(layer(tf.constant([2.0]), training=True)["outer"][0], [2])


def test_training_goes_nowhere_where_the_call_does_not_take_it(text_embedding, signatures):
    texts = tf.constant(TEXTS)
    layer = HubLayer(text_embedding, trainable=True)
    assert_same(layer(texts, training=True), layer(texts, training=False), atol=0)
    layer = HubLayer(signatures, trainable=True)
    assert_same(layer(vectors(2, 3), training=True), layer(vectors(2, 3)), atol=0)


def test_regularization_losses(regularized):
    ours, theirs = (
        HubLayer(regularized, trainable=True),
        hub.KerasLayer(regularized, trainable=True),
    )
    np.testing.assert_allclose(sum(ours.losses), sum(theirs.losses), rtol=1e-6)
    assert sum(ours.losses) > 0.01

    x = vectors(4, 4)
    model = keras.Sequential([keras.Input((4,)), ours])
    model(x)
    model(x)
    np.testing.assert_allclose(sum(model.losses), sum(theirs.losses), rtol=1e-6)
    model.compile(loss="mse")
    loss = model.evaluate(x, model.predict(x, verbose=0), verbose=0)
    np.testing.assert_allclose(loss, sum(theirs.losses), rtol=1e-5)

    ours.trainable = theirs.trainable = False
    assert ours.losses == model.losses == []
    assert sum(theirs.losses) == 0


def test_a_weight_frozen_by_itself_takes_its_own_losses_along(regularized):
    layer = HubLayer(regularized, trainable=True)
    _, dense_1, bias_1 = (f() for f in layer.resolved_object.regularization_losses)
    next(w for w in layer.weights if w.name == "dense.kernel").trainable = False
    np.testing.assert_allclose(sum(layer.losses), dense_1 + bias_1, rtol=1e-6)
    next(w for w in layer.weights if w.name == "dense_1.kernel").trainable = False
    np.testing.assert_allclose(sum(layer.losses), bias_1, rtol=1e-6)


def test_a_string_variable_is_no_weight(tmp_path):
    module = tf.Module()
    module.words = tf.Variable(["a", "b"], trainable=False)
    module.factor = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def call(x):
        return x * module.factor * tf.cast(tf.size(module.words), tf.float32)

    module.__call__ = call
    tf.saved_model.save(module, str(tmp_path / "saved"))
    layer = HubLayer(tmp_path / "saved")
    assert [w.shape for w in layer.weights] == [()]
    layer.weights[0].assign(3.0)
    keras.Sequential([keras.Input(()), layer]).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_array_equal(model(tf.constant([1.0, 2.0])), [6, 12])


# In models ----------------------------------------------------------------------------------------


def text_classifier(preprocess, encoder):
    """A Sequential model from strings to three classes."""
    return keras.Sequential(
        [
            keras.Input((), dtype="string"),
            hub_layer(preprocess),
            HubLayer(encoder, trainable=True, output_key="pooled_output"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def test_sequential(preprocess, encoder):
    model = text_classifier(preprocess, encoder)
    assert model.output_shape == (None, 3)
    pooled = reference(encoder)(reference(preprocess)(tf.constant(TEXTS)))["pooled_output"]
    logits = pooled @ model.layers[-1].kernel + model.layers[-1].bias
    assert_same(model.predict(tf.constant(TEXTS), verbose=0), tf.nn.softmax(logits), atol=1e-5)


def test_sequential_without_an_input(text_embedding, tmp_path):
    # Keras takes the input of such a model to be of its first layer's dtype.
    model = keras.Sequential([HubLayer(text_embedding, dtype="string"), keras.layers.Dense(2)])
    texts = tf.constant(TEXTS)
    outputs = model(texts)
    assert_same(outputs, reference(text_embedding)(texts) @ model.layers[-1].kernel)

    module = tf.Module()
    module.__call__ = tf.function(lambda ids: ids * 2, [tf.TensorSpec([None, 2], tf.int32)])
    tf.saved_model.save(module, str(tmp_path))
    model = keras.Sequential([HubLayer(tmp_path)])
    np.testing.assert_array_equal(model(np.array([[1, 2]])), [[2, 4]])


def test_functional_with_a_dynamic_length(encoder):
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in bert_inputs()}
    outputs = hub_layer(encoder)(inputs)
    assert outputs["sequence_output"].shape == (None, None, 16)
    assert [x.shape for x in outputs["encoder_outputs"]] == [(None, None, 16)]
    model = keras.Model(inputs, outputs)
    for length in (3, 20):
        x = bert_inputs(length=length)
        assert_same(model.predict(x, verbose=0), reference(encoder)(x), atol=1e-5)


def test_in_a_data_pipeline(preprocess, encoder, text_embedding):
    texts = tf.data.Dataset.from_tensor_slices(TEXTS).batch(2)
    for layers in ([text_embedding], [preprocess, encoder]):
        ours = theirs = texts
        for handle in layers:
            ours = ours.map(hub_layer(handle), num_parallel_calls=2)
            theirs = theirs.map(reference(handle))
        for a, b in zip(ours, theirs, strict=True):
            assert_same(a, b)


def test_compiled_by_xla(regularized):
    x, y = vectors(16, 4), vectors(16, 1, seed=1)
    model, losses = fit(keras, HubLayer(regularized, trainable=True), x, y, jit_compile=True)
    assert model.jit_compile
    expected, expected_losses = fit(keras, HubLayer(regularized, trainable=True), x, y)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    assert_same(model.predict(x, verbose=0), expected.predict(x, verbose=0), atol=1e-5)


def test_bert_compiled_by_xla(encoder):
    layer = hub_layer(encoder)
    inputs = bert_inputs()
    assert_same(tf.function(layer, jit_compile=True)(inputs), layer(inputs), atol=1e-5)


@pytest.mark.slow
def test_bert_trained_under_xla(encoder):
    layer = HubLayer(encoder, trainable=True, output_key="pooled_output")
    model = keras.Sequential([layer, keras.layers.Dense(1)])
    before = layer.weights[0].numpy()
    model.compile("sgd", "mse", jit_compile=True)
    model.fit(bert_inputs(batch=4), np.ones((4, 1)), verbose=0)
    assert np.abs(layer.weights[0].numpy() - before).max() > 0


def test_strings_keep_keras_from_compiling_by_itself(text_embedding, preprocess, encoder):
    assert not hub_layer(text_embedding).supports_jit
    assert not hub_layer(preprocess).supports_jit
    assert hub_layer(encoder).supports_jit


@pytest.mark.parametrize("within", ["Hashing", "IntegerLookup"])
def test_strings_and_tables_within_do_too(within, tmp_path):
    options = {"Hashing": {"num_bins": 9}, "IntegerLookup": {"vocabulary": [3, 5]}}[within]
    ids = tf_keras.Input((3,), dtype="int64")
    outputs = getattr(tf_keras.layers, within)(**options)(ids)
    tf_keras.Model(ids, outputs).save(tmp_path, save_format="tf")
    assert not HubLayer(tmp_path).supports_jit


def test_mixed_precision_outputs(encoder):
    inputs = bert_inputs()
    layer = HubLayer(encoder, dtype="mixed_bfloat16")
    expected = tf.nest.map_structure(lambda x: tf.cast(x, "bfloat16"), reference(encoder)(inputs))
    outputs = layer(inputs)
    assert {x.dtype for x in tf.nest.flatten(outputs)} == {tf.bfloat16}
    for x, y in zip(tf.nest.flatten(outputs), tf.nest.flatten(expected), strict=True):
        np.testing.assert_allclose(tf.cast(x, "float32"), tf.cast(y, "float32"), rtol=2**-7)
    assert {str(w.dtype) for w in layer.weights} == {"float32", "bool"}


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_training(regularized, policy):
    x, y = vectors(16, 4), vectors(16, 1)
    layer = HubLayer(regularized, trainable=True, dtype=policy)
    expected = tf.cast(reference(regularized)(x), layer.compute_dtype)
    # Exactly the same: the floats went in uncut.
    np.testing.assert_array_equal(tf.cast(layer(x), "float32"), tf.cast(expected, "float32"))

    before = layer.weights[0].numpy()
    model = keras.Sequential([layer, keras.layers.Dense(1, dtype=policy)])
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    assert np.abs(layer.weights[0].numpy() - before).max() > 0


DISTRIBUTED = """
import sys
import numpy as np
import tensorflow as tf
import keras
from keras_transformers.hub.hub_layer import HubLayer

(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
regularized, encoder, data, results = sys.argv[1:]

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    layer = HubLayer(regularized, trainable=True)
    model = keras.Sequential([layer, keras.layers.Dense(1, kernel_initializer="ones")])
    model.build((None, 4))
    bert = keras.Sequential([HubLayer(encoder, trainable=True, output_key="pooled_output")])
data = np.load(data)
model.compile(keras.optimizers.SGD(0.1), "mse")
model.fit(data["x"], data["y"], batch_size=4, epochs=3, shuffle=False, verbose=0)
inputs = {name: data[name] for name in ("input_word_ids", "input_mask", "input_type_ids")}
np.savez(
    results,
    replicas=model.distribute_strategy.num_replicas_in_sync,
    predicted=model.predict(data["x"], verbose=0),
    bert=bert.predict(inputs, verbose=0),
    *[w.numpy() for w in layer.weights],
)
"""


@pytest.mark.slow
def test_mirrored_strategy(regularized, encoder, tmp_path):
    """Two replicas in a process of their own, against one here with the same batches."""
    x, y = vectors(16, 4), vectors(16, 1, seed=1)
    inputs = bert_inputs(batch=4)
    np.savez(tmp_path / "data.npz", x=x, y=y, **inputs)
    run = run_python(
        DISTRIBUTED, regularized, encoder, tmp_path / "data.npz", tmp_path / "results.npz"
    )
    assert run.returncode == 0, run.stderr

    results = np.load(tmp_path / "results.npz")
    layer = HubLayer(regularized, trainable=True)
    model, _ = fit(keras, layer, x, y)
    assert results["replicas"] == 2
    for i, weight in enumerate(layer.weights):
        np.testing.assert_allclose(results[f"arr_{i}"], weight, atol=1e-5)
    np.testing.assert_allclose(results["predicted"], model.predict(x, verbose=0), atol=1e-5)
    expected = reference(encoder)(inputs)["pooled_output"]
    np.testing.assert_allclose(results["bert"], expected, atol=1e-5)


# Saving -------------------------------------------------------------------------------------------

REOPEN = """
import sys
import numpy as np
import keras
import keras_transformers.hub.hub_layer

path, texts, predictions = sys.argv[1:]
model = keras.saving.load_model(path, safe_mode=False)
import tensorflow as tf
np.save(predictions, model.predict(tf.constant(texts.split("|")), verbose=0))
"""


def test_reopened_in_a_fresh_process_after_fine_tuning(preprocess, encoder, tmp_path):
    texts = tf.constant(TEXTS)
    model = text_classifier(preprocess, encoder)
    before = model.predict(texts, verbose=0)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.fit(texts, np.array([0, 1, 2, 0]), epochs=2, verbose=0)
    after = model.predict(texts, verbose=0)
    assert np.abs(after - before).max() > 0.05
    model.save(tmp_path / "model.keras")

    run = run_python(REOPEN, tmp_path / "model.keras", "|".join(TEXTS), tmp_path / "predicted.npy")
    assert run.returncode == 0, run.stderr
    np.testing.assert_allclose(np.load(tmp_path / "predicted.npy"), after, atol=1e-6)


def test_safe_mode(text_embedding, tmp_path):
    path = str(tmp_path / "model.keras")
    layer = HubLayer(text_embedding)
    keras.Sequential([keras.Input((), dtype="string"), layer]).save(path)
    for options in ({}, {"safe_mode": True}):
        with pytest.raises(ValueError, match=r"safe_mode=False.*Received: handle=.*, in safe mode"):
            keras.saving.load_model(path, **options)
    with pytest.raises(ValueError, match="in safe mode"):
        HubLayer.from_config(layer.get_config())
    model = keras.saving.load_model(path, safe_mode=False)
    assert_same(model.predict(tf.constant(TEXTS), verbose=0), layer(tf.constant(TEXTS)))


def test_reopening_needs_the_savedmodel(regularized, tmp_path):
    moved = tmp_path / "moved"
    Path(regularized).rename(moved)
    keras.Sequential([keras.Input((4,)), HubLayer(moved)]).save(tmp_path / "model.keras")
    moved.rename(regularized)
    with pytest.raises(ValueError, match=f"must lead to a TensorFlow 2 SavedModel.*{moved}"):
        keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)


def test_config(switch):
    layer = HubLayer(
        Path(switch),
        trainable=True,
        arguments={"scale": 2.0},
        output_key="outer",
        load_options=tf.saved_model.LoadOptions(
            experimental_io_device="/job:localhost",
            experimental_variable_policy="expand_distributed_variables",
        ),
        name="switch",
        dtype="mixed_bfloat16",
    )
    config = layer.get_config()
    assert config["handle"] == switch
    assert config["load_options"]["experimental_io_device"] == "/job:localhost"
    serialized = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(serialized, safe_mode=False)
    assert again.get_config() == config
    assert again.trainable
    x = tf.constant([1.0, 2.0])
    assert_same(again(x), layer(x))


def test_an_array_among_the_arguments_is_saved(signatures, tmp_path):
    x, y = vectors(5, 3), vectors(5, 3, seed=1)
    for right in (y, tf.constant(y)):
        layer = HubLayer(signatures, signature="compare", arguments={"right": right})
        keras.Sequential([keras.Input((3,)), layer]).save(tmp_path / "model.keras")
        again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
        assert_same(again(x), layer(x), atol=0)


def test_a_config_may_name_the_handle_alone(dropout):
    assert HubLayer.from_config({"handle": dropout}, safe_mode=False).arguments == {}


def test_exported_again(text_embedding, tmp_path):
    texts = tf.constant(TEXTS)
    model = keras.Sequential([keras.Input((), dtype="string"), HubLayer(text_embedding)])
    model.export(tmp_path, verbose=False)
    assert_same(HubLayer(tmp_path)(texts)["output_0"], reference(text_embedding)(texts))


# Errors -------------------------------------------------------------------------------------------


def test_handle_that_is_not_a_path():
    with pytest.raises(ValueError, match="Received: handle=3"):
        HubLayer(3)


def test_handle_that_leads_nowhere(tmp_path):
    with pytest.raises(ValueError, match=r"Received: handle='.*nowhere'"):
        HubLayer(tmp_path / "nowhere")


def test_output_key_that_is_not_there(signatures, dropout):
    with pytest.raises(
        ValueError, match=r"one of \['norm', 'projected'\]. Received: output_key='x'"
    ):
        HubLayer(signatures, output_key="x")(vectors(2, 3))
    with pytest.raises(ValueError, match=r"one of \[\]. Received: output_key='x'"):
        HubLayer(dropout, output_key="x")(tf.ones((1, 2)))


def test_signature_that_is_not_there(signatures, switch, tmp_path):
    with pytest.raises(
        ValueError, match=r"\['compare', 'serving_default'\]. Received: signature='x'"
    ):
        HubLayer(signatures, signature="x")
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match=r"that is callable or has signatures. Received: handle="):
        HubLayer(tmp_path)


def test_several_inputs_by_position(signatures):
    layer = HubLayer(signatures, signature="compare")
    with pytest.raises(ValueError, match=r"the keys \['left', 'right'\]. Received: \w*Tensor"):
        layer(vectors(2, 3))
    with pytest.raises(ValueError, match=r"Received: \['left', 'middle'\]"):
        layer({"left": vectors(2, 3), "middle": vectors(2, 3)})


def test_another_nest_than_was_traced(encoder):
    # TensorFlow's own words, which list what there is.
    with pytest.raises((TypeError, ValueError), match=r"(?s)input_word_ids.*input_mask"):
        hub_layer(encoder)(tuple(bert_inputs().values()))
    with pytest.raises((TypeError, ValueError), match=r"(?s)input_word_ids.*input_mask"):
        hub_layer(encoder)({"ids": bert_inputs()["input_word_ids"]})


@pytest.mark.parametrize("name", ["arguments", "load_options"])
def test_options_of_another_type(dropout, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be a .*Received: {name}=\['x'\]"):
        HubLayer(dropout, **{name: ["x"]})


def test_other_backends():
    code = "from keras_transformers.hub.hub_layer import HubLayer; HubLayer('bert')"
    run = run_python(code, KERAS_BACKEND="jax")
    assert run.returncode != 0
    last = run.stderr.strip().splitlines()[-1]
    assert last.startswith("NotImplementedError: `HubLayer`")
    assert "KERAS_BACKEND=tensorflow" in last
    assert last.endswith("Received: backend 'jax'")
