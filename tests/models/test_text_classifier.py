"""The classifier that takes strings: the same in another process, in order, on odd texts."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_transformers.models import TextClassifier, transformer_classifier
from keras_transformers.text import WordVectorizer

NAMES = ["World", "Sports", "Business"]
TEXTS = [
    "the shares fell and the market fell with them",
    "home side won",
    "",
    "ministers met",
    "the market won and the home side fell, and then they met again in the north",
    "!!!",
]
ODD_TEXTS = ["", " ", "zzyzx qwrtp", "🌧️ 👩‍🚀", "word " * 10_000, "\x00"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    vectorizer = WordVectorizer(vocab_size=40, maxlen=12)
    vectorizer.adapt(TEXTS)
    classifier = transformer_classifier(40, 12, 8, 2, 8, num_classes=3)
    rng = np.random.default_rng(0)
    classifier.set_weights([w + rng.normal(0, 0.5, w.shape) for w in classifier.get_weights()])
    return TextClassifier(vectorizer, classifier, NAMES)


def one_by_one(model, texts):
    """Tokeniser and classifier by hand, each text alone."""
    rows = [model.classifier(model.tokenizer(np.array([text])), training=False) for text in texts]
    return np.concatenate([keras.ops.convert_to_numpy(row) for row in rows])


@pytest.mark.parametrize("batch_size", [1, 2, 128])
def test_predict_texts_keeps_the_order(model, batch_size):
    expected = one_by_one(model, TEXTS)
    assert np.ptp(expected, axis=0).max() > 0.05
    got = model.predict_texts(TEXTS, batch_size=batch_size)
    assert got.shape == (6, 3)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_calling_gives_the_same(model):
    got = keras.ops.convert_to_numpy(model(np.array(TEXTS)))
    np.testing.assert_allclose(got, one_by_one(model, TEXTS), atol=1e-5)


def test_no_texts(model):
    assert model.predict_texts([]).shape == (0, 3)


def test_a_single_string_is_no_sequence_of_texts(model):
    with pytest.raises(ValueError, match=r"sequence of strings. Received: str 'Shares fell'"):
        model.predict_texts("Shares fell")


def test_odd_texts_have_finite_probabilities(model):
    for texts in (ODD_TEXTS, *([text] for text in ODD_TEXTS)):
        probabilities = model.predict_texts(texts)
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)


def test_the_company_of_other_texts_changes_nothing(model):
    alone = model.predict_texts(TEXTS[:1])
    among = model.predict_texts([*ODD_TEXTS, TEXTS[0]])
    np.testing.assert_allclose(among[-1:], alone, atol=1e-5)


def test_training_switches_dropout_on(model):
    texts = np.array(TEXTS)
    first, second = (keras.ops.convert_to_numpy(model(texts, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-4


def test_saved_file_predicts_the_same_in_a_fresh_process(model, tmp_path):
    model.save(tmp_path / "model.keras")
    code = (
        "import json, sys, keras, keras_transformers\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "answers = model.predict_texts(json.loads(sys.argv[2])).tolist()\n"
        "print(json.dumps([answers, model.class_names]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras", json.dumps(TEXTS)],
        capture_output=True,
        text=True,
        check=True,
    )
    answers, names = json.loads(result.stdout)
    assert names == NAMES
    np.testing.assert_allclose(answers, model.predict_texts(TEXTS), atol=1e-6)


def test_reloaded_model_goes_on_from_its_weights(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(again, TextClassifier)
    assert again.name == model.name
    assert again.count_params() == model.count_params() == model.classifier.count_params()
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_config_gives_the_arguments_back(model):
    again = TextClassifier.from_config(model.get_config())
    assert again.class_names == tuple(NAMES)
    assert again.tokenizer.vocab_size == 40
    assert again.tokenizer.maxlen == 12
    assert again.classifier.output_shape == (None, 3)


def test_symbolic_call_has_the_right_shape(model):
    output = model(keras.Input((), dtype="string"))
    assert output.shape == (None, 3)
    assert output.dtype == "float32"


@pytest.mark.parametrize("names", [[], ["World"], ["a", "b", "c", "d"]])
def test_wrong_number_of_class_names(model, names):
    with pytest.raises(ValueError, match=r"`class_names`.*3 classes.*Received: \("):
        TextClassifier(model.tokenizer, model.classifier, names)


def test_without_class_names_they_are_numbers(model):
    assert TextClassifier(model.tokenizer, model.classifier).class_names == ("0", "1", "2")
