"""Texts as users have them, for `Translator.align`, `fill_mask` and `pretrain`."""

import importlib

import numpy as np
import pandas as pd
import pytest

from keras_transformers.data.load_texts import as_texts
from keras_transformers.models import (
    BertEncoder,
    Translator,
    fill_mask,
    masked_language_model,
    rnn_translator,
    transformer_translator,
)
from keras_transformers.text import SentencePieceTokenizer, WordPieceTokenizer
from keras_transformers.training import pretrain

TEXTS = ["rain in the north", "snow and more snow and wind", "sun", "hail"] * 5
NO_STRINGS = {
    "None": (None, "NoneType None"),
    "nan": (float("nan"), "float nan"),
    "bytes": (b"[MASK]", r"bytes b'\[MASK\]'"),
    "list": (["[MASK]"], r"list \['\[MASK\]'\]"),
    "series": (pd.Series(["[MASK]"]), "Series"),
}
ODD = ["🌧️👩‍👩‍👧", "\0\x07\x1b[31m", "\u202e\ufeff", "word " * 200_000]
no_string = pytest.mark.parametrize(("text", "message"), NO_STRINGS.values(), ids=NO_STRINGS)
odd = pytest.mark.parametrize("text", ODD, ids=["emoji", "control", "marks", "megabyte"])


@pytest.fixture(scope="module")
def model():
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "snow", "sun"]
    encoder = BertEncoder(len(pieces), 1, 8, 2, 16, 12)
    return masked_language_model(encoder, WordPieceTokenizer(pieces, max_length=12))


@pytest.fixture(scope="module")
def translator():
    letters = SentencePieceTokenizer.train(TEXTS, 40, unit="character")
    network = rnn_translator(letters.vocab_size, letters.vocab_size, 4, 4, attention="bahdanau")
    return Translator(letters, letters, network, max_length=3)


@pytest.fixture
def short(monkeypatch):
    """One checkpoint after two steps."""
    module = importlib.import_module("keras_transformers.training.pretrain")
    monkeypatch.setattr(module, "STEPS_BETWEEN_CHECKPOINTS", 2)
    return {"size": "tiny", "vocab_size": 60, "steps": 2, "batch_size": 4, "max_length": 12}


# fill_mask


@no_string
def test_fill_mask_says_what_is_no_text(model, text, message):
    with pytest.raises(ValueError, match=rf"`text` must be a string. Received: {message}"):
        fill_mask(model, text)


def test_fill_mask_of_nothing(model):
    with pytest.raises(ValueError, match=r"`text` must contain \[MASK\]"):
        fill_mask(model, "")


@odd
def test_fill_mask_of_odd_texts(model, text):
    [guesses] = fill_mask(model, f"[MASK] {text}", k=2)
    assert len(guesses) == 2
    assert sum(chance for _, chance in guesses) <= 1


def test_control_characters_are_not_seen(model):
    plain, odd = (fill_mask(model, text) for text in ("sun [MASK]", "s\0u\x07n [MASK]\x1b"))
    assert odd == plain


# Translator


@no_string
def test_align_says_what_is_no_text(translator, text, message):
    with pytest.raises(ValueError, match=rf"`text` must be a string. Received: {message}"):
        translator.align(text)


@pytest.mark.parametrize("translation", [7, b"", ["x"], float("nan"), pd.Series(["x"])])
def test_align_says_what_is_no_translation(translator, translation):
    for align in (translator.align, translator.attention_scores):
        with pytest.raises(ValueError, match=r"`translation` must be a string. Received: "):
            align("rain", translation)


@odd
def test_translate_and_align_odd_texts(translator, text):
    short = text[:200]  # A recurrent network goes letter by letter.
    [translation] = translator.translate([short])
    weights, read, written = translator.align(short, translation)
    assert weights.shape == (len(written), max(1, len(read)))
    np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=0, atol=1e-5)


def test_a_text_too_long_to_translate_is_refused(translator):
    message = r"at most 4,096 tokens.*Received: 1,000,000 tokens, 'sun sun"
    with pytest.raises(ValueError, match=message):
        translator.translate(["sun", "sun " * 250_000])
    with pytest.raises(ValueError, match=message):
        translator.align("sun " * 250_000)


@pytest.mark.slow
def test_a_translator_that_was_quantized_does_not_answer_as_before(translator):
    letters = translator.source_tokenizer
    network = transformer_translator(letters.vocab_size, letters.vocab_size, 8, 2, 8, num_blocks=1)
    asked, fresh = (Translator(letters, letters, network, max_length=3) for _ in range(2))
    _, before = asked.translate(["rain"], return_scores=True)
    network.quantize("int8")
    _, after = asked.translate(["rain"], return_scores=True)
    assert after != before
    assert after == fresh.translate(["rain"], return_scores=True)[1]


# pretrain


@pytest.mark.parametrize("hold", [tuple, np.array, pd.Series, iter])
def test_pretrain_takes_whatever_holds_texts(hold):
    taken = as_texts(hold(TEXTS))
    assert list(taken) == list(taken) == TEXTS
    assert str(taken) == str(as_texts(TEXTS)) != str(as_texts(TEXTS[::-1]))
    assert str(taken).startswith("20 texts with the digest ")


def test_pretrain_goes_by_the_order_not_by_an_index():
    assert list(as_texts(pd.Series(["rain", "sun"], index=[1, 0]))) == ["rain", "sun"]


def test_pretrain_does_not_resume_with_other_texts(tmp_path, short):
    with pytest.raises(ValueError, match="at least two texts"):
        pretrain(["rain"], tmp_path, verbose=0, **short)
    with pytest.raises(ValueError, match=r"data was '1 texts .* and is '1 texts "):
        pretrain(["hail"], tmp_path, resume=True, verbose=0, **short)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "`texts` must be a sequence of strings. Received: NoneType None"),
        ("rain", "`texts` must be a sequence of strings. Received: str 'rain'"),
        (["rain", None], "NoneType None at position 1"),
        (pd.Series(["rain", np.nan]), "float nan at position 1"),
        ([], "`texts` must hold words"),
        (["", " \n", "\0\x07"], "`texts` must hold words"),
        (["rain"], "`texts` must hold at least two texts. Received: 1"),
    ],
)
def test_pretrain_says_what_is_wrong_with_texts(tmp_path, short, texts, message):
    with pytest.raises(ValueError, match=message):
        pretrain(texts, tmp_path, verbose=0, **short)


@pytest.mark.slow
def test_pretrain_on_odd_texts(tmp_path, short):
    odd = ["🌧️👩‍👩‍👧 rain", "\0\x07\x1b[31m sun", "\u202e\ufeff snow", "word " * 2000]
    model, metrics = pretrain(odd, tmp_path, verbose=0, **short)
    assert metrics["data"]["train_rows"] + metrics["data"]["held_out_rows"] > 200
    assert np.isfinite(metrics["test"]["loss"])
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
