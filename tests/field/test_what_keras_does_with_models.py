"""What a Keras user does with a model: export, clone, quantize, LoRA, wrappers, weights, XLA."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.checks import numpy

from keras_transformers.models import (
    BertEncoder,
    TextClassifier,
    bert_classifier,
    masked_language_model,
    rnn_translator,
    transformer_classifier,
    transformer_translator,
)
from keras_transformers.text import WordPieceTokenizer, WordVectorizer

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
        lambda: transformer_translator(50, 50, 16, 2, 16, num_blocks=1),
        (IDS, IDS),
    ),
    "rnn translator": (lambda: rnn_translator(50, 50, 16, 16), (IDS, IDS)),
}
every_model = pytest.mark.parametrize(("make", "inputs"), MODELS.values(), ids=MODELS)


def first(outputs):
    return numpy(keras.tree.flatten(outputs)[-1])


def text_classifier():
    vectorizer = WordVectorizer(20, 8)
    vectorizer.adapt(TEXTS)
    return TextClassifier(vectorizer, transformer_classifier(20, 8, 4, 2, 4, 3))


def bert_text_classifier():
    encoder = BertEncoder(len(PIECES), 1, 8, 2, 16, 10)
    return bert_classifier(encoder, 3, tokenizer=WordPieceTokenizer(PIECES, max_length=10))


@every_model
def test_quantized_to_eight_bits_it_is_within_their_error(make, inputs):
    model = make()
    expected = first(model(inputs))
    model.quantize("int8")
    difference = first(model(inputs)) - expected
    assert 0 < np.linalg.norm(difference) < 0.05 * np.linalg.norm(expected)


@every_model
def test_weights_are_saved_and_loaded(make, inputs, tmp_path):
    model, other = make(), make()
    expected = first(model(inputs))
    other(inputs)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(first(other(inputs)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["classifier", "transformer translator", "rnn translator"])
def test_functional_models_are_cloned(name):
    make, inputs = MODELS[name]
    model = make()
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(first(clone(inputs)), first(model(inputs)), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "make", [text_classifier, pytest.param(bert_text_classifier, marks=pytest.mark.slow)]
)
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


def test_the_classifier_on_ids_is_exported(tmp_path):
    make, inputs = MODELS["classifier"]
    model = make()
    model.export(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(inputs), numpy(model(inputs)), rtol=0, atol=1e-6)


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
