"""The small BERT that comes with the package: its files, what it knows, how it is found."""

import json

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file
from support.checks import numpy

from keras_transformers.checkpoints import encoder_at_hand, find_checkpoint
from keras_transformers.data import MaskingVocabulary, load_news, mask_tokens
from keras_transformers.hub import HubLayer, HubTokenizer, bert_pair
from keras_transformers.models import BertEncoder, fill_mask, masked_language_model

DIRECTORY = find_checkpoint("news-small-bert")


@pytest.fixture(scope="module")
def model():
    return masked_language_model("news-small-bert")


# Its files


def test_it_is_small_and_tells_what_it_is():
    sizes = {path.name: path.stat().st_size for path in DIRECTORY.iterdir()}
    assert set(sizes) == {
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }
    assert sum(sizes.values()) < 6_000_000
    tensors = load_file(DIRECTORY / "model.safetensors")
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"float16"}


def test_its_card_has_the_figures_of_its_training():
    card = (DIRECTORY / "README.md").read_text()
    metrics = json.loads((DIRECTORY / "metrics.json").read_text())
    arguments, data, test = metrics["arguments"], metrics["data"], metrics["test"]
    for figure in (data["train_rows"], data["held_out_rows"], data["vocabulary"], test["tokens"]):
        assert f"{figure:,}" in card
    assert f"{test['accuracy']:.3f}" in card
    assert f"{test['perplexity']:.1f}" in card
    assert f"--steps {arguments['steps']}" in card


def test_its_sizes(model):
    encoder = model.encoder
    assert (encoder.num_layers, encoder.hidden_size, encoder.max_positions) == (4, 128, 128)
    assert encoder.vocab_size == len(model.tokenizer.vocabulary)
    assert not encoder.pooler


# What it knows


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("oil [MASK] rose to a record high on monday", "prices"),
        ("the prime [MASK] said on tuesday", "minister"),
        ("the company reported a third - [MASK] profit", "quarter"),
    ],
)
def test_it_has_read_the_news(model, text, piece):
    assert piece in [guess for guess, _ in fill_mask(model, text)[0]]


def test_it_guesses_what_it_has_never_read(model):
    """The bundled briefs are fictional, and were not among its texts."""
    ids = model.tokenizer(load_news("sample").test_texts)["input_word_ids"]
    vocabulary = MaskingVocabulary.of(model.tokenizer.vocabulary)
    masked, positions, hidden = (x.numpy() for x in mask_tokens(ids, vocabulary, (0, 0)))
    logits = model.predict(
        {"input_word_ids": masked, "masked_positions": positions}, batch_size=32, verbose=0
    )
    exists = hidden != 0
    # The most frequent piece alone would be right for one in twenty.
    assert np.mean(logits.argmax(axis=-1)[exists] == hidden[exists]) > 0.2


# How it is found


def test_a_directory_of_that_name_goes_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkpoint("news-small-bert") == DIRECTORY
    BertEncoder(9, 1, 4, 2, 4).save_pretrained("news-small-bert")
    assert BertEncoder.from_pretrained("news-small-bert").vocab_size == 9


def test_it_stands_in_where_another_cannot_be_had(offline, capsys):
    assert encoder_at_hand("google-bert/bert-base-uncased") == "news-small-bert"
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    assert printed.startswith("Encoder: news-small-bert, pre-trained on news")
    assert "stands in for google-bert/bert-base-uncased" in printed


def test_another_that_can_be_had_is_taken(tmp_path, capsys):
    assert encoder_at_hand(str(tmp_path)) == str(tmp_path)
    assert capsys.readouterr().out == f"Encoder: {tmp_path}, pre-trained\n"


@pytest.mark.slow
def test_as_a_saved_model_it_computes_the_same_and_is_exported_once(model, offline, tmp_path):
    pair = bert_pair("news-small-bert", None, tmp_path)
    assert bert_pair(None, None, tmp_path) == pair
    assert not list(tmp_path.iterdir())
    texts = ["Oil prices rose", "The striker scored twice in the final of the cup"]
    inputs = HubTokenizer(pair[0])(keras.ops.convert_to_tensor(texts))
    ours = model.tokenizer(texts)
    np.testing.assert_array_equal(inputs["input_word_ids"], ours["input_word_ids"])
    np.testing.assert_allclose(
        numpy(HubLayer(pair[1])(inputs)["sequence_output"]),
        numpy(model.encoder(ours)["sequence_output"]),
        rtol=0,
        atol=1e-4,
    )
