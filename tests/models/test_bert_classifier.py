"""The classifier on a native BERT: against the one on its SavedModel, saved, and refusing."""

import keras
import numpy as np
import pytest

from keras_transformers.hub import hub_classifier
from keras_transformers.models import BertEncoder, bert_classifier
from keras_transformers.text import WordPieceTokenizer

TEXTS = ["a rains", "", "sun sun b", "e " * 300]


@pytest.mark.parametrize("pooling", ["pooled", "mean"])
def test_equals_the_classifier_on_the_saved_model(tiny_pair, pooling):
    native = bert_classifier(tiny_pair, 3, pooling=pooling)
    hub = hub_classifier(
        str(tiny_pair / "preprocessor"), str(tiny_pair / "encoder"), 3, pooling=pooling
    )
    hub.classifier.get_layer("head").set_weights(native.classifier.get_layer("head").get_weights())
    probabilities = native.predict_texts(TEXTS)
    assert np.ptp(probabilities[:, 0]) > 1e-3
    np.testing.assert_allclose(probabilities, hub.predict_texts(TEXTS), atol=1e-5)


@pytest.mark.parametrize("checkpoint", ["pair", "encoder", "hugging face"])
def test_opens_every_kind_of_checkpoint(tiny_pair, tmp_path, checkpoint):
    expected = bert_classifier(tiny_pair)
    if checkpoint == "hugging face":
        expected.classifier.get_layer("features").get_layer("encoder").save_pretrained(tmp_path)
        (tmp_path / "vocab.txt").write_text("\n".join(expected.tokenizer.vocabulary) + "\n")
        source = tmp_path
    else:
        source = tiny_pair / "encoder" if checkpoint == "encoder" else tiny_pair
    model = bert_classifier(source)
    model.classifier.get_layer("head").set_weights(
        expected.classifier.get_layer("head").get_weights()
    )
    np.testing.assert_allclose(model.predict_texts(TEXTS), expected.predict_texts(TEXTS), atol=1e-6)


def test_reopens_without_trust_and_predicts_the_same(tiny_pair, tmp_path):
    model = bert_classifier(tiny_pair)
    model.class_names = ("a", "b", "c", "d")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.class_names == ("a", "b", "c", "d")
    np.testing.assert_allclose(again.predict_texts(TEXTS), model.predict_texts(TEXTS), atol=1e-6)


@pytest.mark.parametrize("trainable", [False, True])
def test_what_is_trained(tiny_pair, trainable):
    model = bert_classifier(tiny_pair, 4, trainable=trainable)
    head = 8 * 4 + 4
    trained = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert trained == (model.count_params() if trainable else head)
    assert model.count_params() > 10 * head


def test_counts_of_the_small_bert():
    encoder = BertEncoder(30_522, 4, 128, 2, 512)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    model = bert_classifier(encoder, tokenizer=WordPieceTokenizer(vocabulary))
    assert model.count_params() == 4_782_464 + 516


def test_long_texts_are_cut(tiny_pair):
    model = bert_classifier(tiny_pair, max_length=5)
    assert model.tokenizer.encode(["a b c d e f g"])[0].size == 5
    probabilities = model.predict_texts(["a b c", "a b c d e f"])
    np.testing.assert_allclose(probabilities[0], probabilities[1], atol=1e-6)


def test_encoder_without_tokenizer():
    with pytest.raises(ValueError, match="`tokenizer` must be the WordPieceTokenizer"):
        bert_classifier(BertEncoder(10, 1, 4, 2, 8))


def test_more_tokens_than_positions(tiny_pair):
    with pytest.raises(ValueError, match=r"at most the 140 positions .*max_length=141"):
        bert_classifier(tiny_pair, max_length=141)


def test_unknown_pooling(tiny_pair):
    with pytest.raises(ValueError, match="`pooling` must be one of"):
        bert_classifier(tiny_pair, pooling="max")


def test_directory_without_a_vocabulary(tmp_path):
    BertEncoder(10, 1, 4, 2, 8).save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json or vocab\.txt"):
        bert_classifier(tmp_path)
