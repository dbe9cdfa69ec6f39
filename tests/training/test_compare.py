"""The comparison of all models: its rows, its files, and what it does without the internet."""

import importlib
import json

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from keras_transformers.data import draw_news, load_news
from keras_transformers.training import compare

MODELS = ["bag-of-words", "from-scratch", "frozen-bert", "hf-bert", "fine-tuned-bert"]


@pytest.fixture(scope="module")
def news(news_directory):
    return load_news(news_directory)


@pytest.fixture(scope="module")
def settings():
    """Less training than usual."""
    module = importlib.import_module("keras_transformers.training.compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FROM_SCRATCH_STEPS", 4)
        patch.setattr(module, "FINE_TUNING_STEPS", 1)
        patch.setattr(module, "FINE_TUNING", {"head_epochs": 1})
        yield


@pytest.fixture(scope="module")
def compared(news, tiny_pair, settings, tmp_path_factory):
    directory = tmp_path_factory.mktemp("compared")
    return compare(news, directory, encoder=tiny_pair, verbose=0), directory


def test_every_model_has_its_row(compared, news):
    rows, _ = compared
    assert [row["model"] for row in rows] == MODELS
    for row in rows:
        assert row["rows"] == 200
        assert row["weights"] >= row["trainable_weights"] > 0
        for name in ("accuracy", "macro_f1"):
            low, high = row[f"{name}_interval"]
            assert 0 <= low <= row[name] <= high <= 1
            assert low < high
    assert [row["lesson_accuracy"] for row in rows] == [None, 0.9124, 0.7888, None, 0.8247]
    assert [row["step_ms"] is None for row in rows] == [True, False, False, False, False]


def test_frozen_models_have_the_same_weights(compared):
    rows = {row["model"]: row for row in compared[0]}
    hub, native = rows["frozen-bert"], rows["hf-bert"]
    assert hub["trainable_weights"] == native["trainable_weights"] == 8 * 4 + 4
    # The SavedModel also has a variable that says whether it lower-cases.
    assert hub["weights"] == native["weights"] + 1
    assert rows["fine-tuned-bert"]["trainable_weights"] == native["weights"]


def test_bag_of_words_equals_scikit_learn(compared, news):
    vectorizer = TfidfVectorizer()
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(vectorizer.fit_transform(news.train_texts), news.train_labels)
    expected = model.score(vectorizer.transform(news.test_texts), news.test_labels)
    assert compared[0][0]["accuracy"] == pytest.approx(expected)
    assert compared[0][0]["weights"] == 4 * (len(vectorizer.vocabulary_) + 1)


def test_files_say_what_was_compared(compared, news):
    rows, directory = compared
    table = (directory / "comparison.md").read_text()
    assert table.startswith(str(news))
    assert [line.split("|")[1].strip() for line in table.splitlines()[4:]] == MODELS
    kept = json.loads((directory / "comparison.json").read_text())
    assert kept == {"data": str(news), "models": rows}
    assert (directory / "comparison.png").read_bytes().startswith(b"\x89PNG")
    for model in MODELS[1:]:
        assert (directory / model / "model.keras").is_file()


@pytest.mark.slow
def test_resumed_it_trains_nothing_again(compared, news, tiny_pair, settings):
    rows, directory = compared
    again = compare(news, directory, encoder=tiny_pair, resume=True, verbose=0)
    for row, other in zip(rows, again, strict=True):
        assert row["accuracy"] == other["accuracy"]
        assert row["step_ms"] == other["step_ms"]


@pytest.mark.slow
def test_without_the_internet_it_takes_the_bert_of_the_package(
    news, settings, offline, tmp_path, capsys
):
    rows = compare(news, tmp_path / "run", verbose=0)
    assert [row["model"] for row in rows] == MODELS
    assert capsys.readouterr().out.startswith("Encoder: news-small-bert")


def test_an_encoder_that_is_named_must_be_there(news, tmp_path):
    with pytest.raises((FileNotFoundError, ValueError), match="nowhere"):
        compare(news, tmp_path, encoder=tmp_path / "nowhere", verbose=0)


def test_drawn_texts(news, capsys):
    drawn = draw_news(news, 50, seed=1)
    assert "50 of 200 training texts drawn with seed 1" in capsys.readouterr().out
    assert len(drawn.train_texts) == len(set(drawn.train_texts)) == 50
    label_of = dict(zip(news.train_texts, news.train_labels, strict=True))
    assert [label_of[text] for text in drawn.train_texts] == drawn.train_labels.tolist()
    assert drawn.test_texts == news.test_texts
    assert draw_news(news, 50, seed=1).train_texts == drawn.train_texts
    assert draw_news(news, 50, seed=2).train_texts != drawn.train_texts
    assert draw_news(news, 200, seed=1) is news
    assert np.array_equal(draw_news(news, 500, seed=1).train_labels, news.train_labels)
