"""What a Keras user does with a model: export, clone, quantize, LoRA, wrappers, weights, XLA."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.checks import numpy

from keras_transformers.layers import SinusoidalPositionEncoding
from keras_transformers.models import (
    BertEncoder,
    TextClassifier,
    Translator,
    bert_classifier,
    masked_language_model,
    rnn_translator,
    transformer_classifier,
    transformer_translator,
)
from keras_transformers.text import SentencePieceTokenizer, WordPieceTokenizer, WordVectorizer

IDS = np.array([[3, 4, 5, 0], [7, 8, 9, 10]], "int32")
BERT = {"input_word_ids": IDS}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "##s", "sun"]
TEXTS = ["rain and sun", "snow"]

MODELS = {
    # One head as wide as the vectors, and heads that divide them among each other.
    "classifier": (lambda: transformer_classifier(50, 16, 16, 2, 16, 3), IDS),
    "encoder": (lambda: BertEncoder(50, 2, 32, 2, 64, 20), BERT),
    "masked language model": (lambda: masked_language_model(BertEncoder(50, 1, 32, 2, 64)), BERT),
    "transformer translator": (
        lambda size=50: transformer_translator(size, size, 16, 2, 16, num_blocks=1),
        (IDS, IDS),
    ),
    "rnn translator": (lambda size=50: rnn_translator(size, size, 16, 16), (IDS, IDS)),
}
every_model = pytest.mark.parametrize(("make", "inputs"), MODELS.values(), ids=MODELS)
# One of plain layers, one of a model that is a class.
QUICK = ("classifier", "encoder")
every_model_in_time = pytest.mark.parametrize(
    ("make", "inputs"),
    [
        pytest.param(*model, id=name, marks=[] if name in QUICK else pytest.mark.slow)
        for name, model in MODELS.items()
    ],
)


@pytest.fixture
def mixed_bfloat16():
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


def first(outputs):
    return numpy(keras.tree.flatten(outputs)[-1])


def text_classifier():
    vectorizer = WordVectorizer(20, 8)
    vectorizer.adapt(TEXTS)
    return TextClassifier(vectorizer, transformer_classifier(20, 8, 4, 2, 4, 3))


def bert_text_classifier():
    encoder = BertEncoder(len(PIECES), 1, 8, 2, 16, 10)
    return bert_classifier(encoder, 3, tokenizer=WordPieceTokenizer(PIECES, max_length=10))


every_text_classifier = pytest.mark.parametrize(
    "make", [text_classifier, pytest.param(bert_text_classifier, marks=pytest.mark.slow)]
)


@every_model_in_time
def test_quantized_to_eight_bits_it_is_within_their_error_and_opens_again(make, inputs, tmp_path):
    model = make()
    expected = first(model(inputs))
    model.quantize("int8")
    found = first(model(inputs))
    assert 0 < np.linalg.norm(found - expected) < 0.05 * np.linalg.norm(expected)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array_equal(first(again(inputs)), found)


@pytest.mark.slow
@every_model
def test_quantized_in_mixed_precision(make, inputs, mixed_bfloat16):
    model = make()
    expected = first(model(inputs)).astype("float32")
    model.quantize("int8")
    difference = first(model(inputs)).astype("float32") - expected
    assert 0 < np.linalg.norm(difference) < 0.05 * np.linalg.norm(expected)


@pytest.mark.slow
@pytest.mark.parametrize("make", [text_classifier, bert_text_classifier])
def test_a_text_classifier_is_quantized_as_it_comes(make, tmp_path):
    make().save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    expected = model.predict_texts(TEXTS)
    model.quantize("int8")
    found = model.predict_texts(TEXTS)
    assert 0 < np.abs(found - expected).max() < 0.05
    model.save(tmp_path / "quantized.keras")
    again = keras.saving.load_model(tmp_path / "quantized.keras")
    np.testing.assert_array_equal(again.predict_texts(TEXTS), found)


@every_text_classifier
def test_a_text_classifier_is_cloned(make):
    model = make()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(clone.predict_texts(TEXTS), model.predict_texts(TEXTS))


@every_model
def test_weights_are_saved_and_loaded(make, inputs, tmp_path):
    model, other = make(), make()
    expected = first(model(inputs))
    other(inputs)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(first(other(inputs)), expected, rtol=0, atol=1e-6)


@every_model
def test_it_is_cloned(make, inputs):
    model = make()
    model(inputs)
    clone = keras.models.clone_model(model)
    clone(inputs)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(first(clone(inputs)), first(model(inputs)), rtol=0, atol=1e-6)


@every_text_classifier
def test_a_text_classifier_is_exported_from_strings(make, tmp_path):
    model = make()
    expected = model.predict_texts(TEXTS)
    model.export(str(tmp_path / "served"), verbose=False)
    code = (
        "import sys, numpy as np, tensorflow as tf, tensorflow_text\n"
        "served = tf.saved_model.load(sys.argv[1])\n"
        "np.save(sys.argv[2], served.serve(tf.constant(sys.argv[3:])))\n"
    )
    command = [sys.executable, "-c", code, tmp_path / "served", tmp_path / "answers.npy", *TEXTS]
    subprocess.run(command, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "answers.npy"), expected, rtol=0, atol=1e-6)


@every_model_in_time
def test_it_is_exported(make, inputs, tmp_path):
    model = make()
    model.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    if inputs is BERT:
        inputs = BERT | {"input_mask": np.int32(IDS != 0), "input_type_ids": 0 * IDS}
    np.testing.assert_allclose(first(served.serve(inputs)), first(model(inputs)), atol=1e-6)


@pytest.mark.parametrize("name", ["transformer translator", "rnn translator"])
def test_a_translator_is_exported_from_strings(name, tmp_path):
    letters = SentencePieceTokenizer.train(TEXTS, unit="character")
    model = MODELS[name][0](letters.vocab_size)
    translator = Translator(letters, letters, model, max_length=5)
    expected = translator.translate(TEXTS)
    translator.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    assert [text.decode() for text in served.serve(tf.constant(TEXTS)).numpy()] == expected


def test_the_classifier_on_ids_is_exported_to_litert(tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    make, inputs = MODELS["classifier"]
    model, path = make(), str(tmp_path / "model.tflite")
    model.export(path, format="litert", verbose=False)
    runner = Interpreter(path).get_signature_runner()
    [answers] = runner(ids=inputs).values()
    np.testing.assert_allclose(answers, numpy(model(inputs)), rtol=0, atol=1e-6)


def test_lora_is_merged_into_what_is_written(tmp_path, rng):
    encoder = BertEncoder(50, 2, 8, 2, 16, 20)
    encoder(BERT)
    encoder.embedding.token_embedding.enable_lora(2)
    for block in encoder.blocks:
        block.attention.query_dense.enable_lora(2)
        block.feed_forward_hidden.enable_lora(2)
    for weight in encoder.trainable_weights:
        if "lora" in weight.name:
            weight.assign(rng.normal(0, 0.2, weight.shape))
    expected = numpy(encoder(BERT)["sequence_output"])
    encoder.save_pretrained(tmp_path)
    again = BertEncoder.from_pretrained(tmp_path)
    np.testing.assert_allclose(numpy(again(BERT)["sequence_output"]), expected, rtol=0, atol=1e-5)


def test_a_quantized_encoder_is_not_written(tmp_path):
    encoder = BertEncoder(50, 1, 8, 2, 16, 20)
    encoder(BERT)
    encoder.quantize("int8")
    with pytest.raises(ValueError, match="`encoder` must not be quantized"):
        encoder.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_classifier_for_every_time_step():
    inner = MODELS["classifier"][0]()
    inputs = keras.Input((None, 4), dtype="int32")
    model = keras.Model(inputs, keras.layers.TimeDistributed(inner)(inputs))
    steps = np.stack([IDS, IDS[::-1]], axis=1)
    np.testing.assert_allclose(numpy(model(steps))[:, 0], numpy(inner(IDS)), rtol=0, atol=1e-6)


def test_positions_for_every_time_step(rng):
    layer, steps = SinusoidalPositionEncoding(), rng.normal(size=(2, 3, 5, 4)).astype("float32")
    found = numpy(keras.layers.TimeDistributed(layer)(steps))
    np.testing.assert_allclose(found[:, 1], numpy(layer(steps[:, 1])), rtol=0, atol=1e-6)


@pytest.mark.parametrize("weights", ["class_weight", "sample_weight"])
def test_rows_have_weights(weights):
    given = {"class_weight": {0: 0.0, 1: 1.0, 2: 1.0}, "sample_weight": np.array([0.0, 1.0])}
    trained = []
    for rows, options in ((slice(None), {weights: given[weights]}), (slice(1, 2), {})):
        keras.utils.set_random_seed(0)
        model = transformer_classifier(50, 16, 16, 2, 16, 3, rate=0.0)
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(reduction="sum"))
        model.fit(IDS[rows], np.array([0, 1])[rows], verbose=0, **options)
        trained.append(model.get_weights())
    for ours, theirs in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.slow
@every_model
def test_compiled_by_xla_it_computes_the_same(make, inputs):
    model = make()
    compiled = tf.function(lambda x: keras.tree.flatten(model(x))[-1], jit_compile=True)
    np.testing.assert_allclose(
        compiled(keras.tree.map_structure(tf.constant, inputs)), first(model(inputs)), atol=1e-4
    )
