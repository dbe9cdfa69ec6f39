"""Training of translators: learns, is measured, can be killed and resumed."""

import json

import numpy as np
import pytest
import sacrebleu

from keras_transformers.data import Pairs, date_pairs
from keras_transformers.models import load_translator
from keras_transformers.training import evaluate_translator, train_translator
from keras_transformers.training.evaluate_translator import score_translations
from keras_transformers.training.fit import fit

SIZES = {"embed_dim": 16, "units": 16, "num_heads": 2, "ff_dim": 16, "num_blocks": 1}
SETTINGS = SIZES | {"epochs": 2, "batch_size": 64, "verbose": 0}


@pytest.fixture(scope="module")
def pairs():
    return date_pairs(train=300, valid=30, test=30)


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "new" / "run"
    return directory, *train_translator(pairs, directory, **SETTINGS)


def test_leaves_its_results(trained, pairs):
    directory, model, metrics = trained
    assert json.loads((directory / "metrics.json").read_text()) == metrics
    assert {path.name for path in directory.iterdir() if path.is_file()} == {
        "model.keras",
        "metrics.json",
        "training.png",
    }
    assert load_translator(directory).translate(pairs.test_sources) == model.translate(
        pairs.test_sources
    )
    assert metrics["arguments"]["model"] == "transformer"
    assert metrics["data"]["train_pairs"] == 300
    assert len(metrics["epochs"]) == 2


def test_learns(trained):
    first, last = trained[2]["epochs"]
    assert last["loss"] < first["loss"]
    assert last["val_loss"] < first["val_loss"]


@pytest.mark.parametrize(
    "settings",
    [
        {"model": "rnn"},
        {"model": "rnn-attention"},
        {"positions": "trained", "max_length": 40},
        {"shared_vocabulary": True, "unit": "subword", "vocab_size": 90},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_every_model_trains_and_translates(pairs, tmp_path, settings):
    model, metrics = train_translator(pairs, tmp_path, **SETTINGS | {"epochs": 1} | settings)
    assert len(model.translate(pairs.test_sources[:3], beam=2)) == 3
    assert len(set(metrics["data"]["vocabularies"])) == (1 if "unit" in settings else 2)


@pytest.mark.parametrize(
    "model", [pytest.param("rnn-attention", marks=pytest.mark.slow), "transformer"]
)
def test_killed_and_resumed_it_ends_with_the_same_weights(pairs, tmp_path, monkeypatch, model):
    settings = SETTINGS | {"model": model}
    whole, _ = train_translator(pairs, tmp_path / "whole", **settings)

    def stopped(*arguments, epochs, **options):
        fit(*arguments, epochs=1, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("keras_transformers.training.run_directory.fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_translator(pairs, tmp_path / "parts", **settings)
    parts, metrics = train_translator(pairs, tmp_path / "parts", resume=True, **settings)
    assert len(metrics["epochs"]) == 2
    for ours, theirs in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_resumed_with_other_arguments_it_is_refused(trained, pairs):
    with pytest.raises(ValueError, match=r"rate was 0.1 and is 0.3"):
        train_translator(pairs, trained[0], resume=True, **SETTINGS | {"rate": 0.3})


def test_long_pairs_are_left_out_and_counted(pairs, tmp_path):
    sources = [*pairs.train_sources[:99], "3 May 2021 " * 20]
    targets = [*pairs.train_targets[:99], "2021-05-03"]
    rest = (pairs.valid_sources, pairs.valid_targets, pairs.test_sources, pairs.test_targets)
    longer = Pairs(sources, targets, *rest, "dates", "character")
    _, metrics = train_translator(longer, tmp_path, **SETTINGS | {"epochs": 1, "max_length": 60})
    assert (metrics["data"]["train_pairs"], metrics["data"]["too_long"]) == (99, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_length": 3}, "`max_length` must leave a pair"),
        ({"model": "lstm"}, "`model` must be one of"),
        ({"unit": "letter"}, "`unit` must be one of"),
        ({"positions": "none"}, "`positions` must be one of"),
        ({"rate": 1.0}, "`rate` must be a number in"),
        ({"num_heads": 3}, "`num_heads` must divide embed_dim=16"),
    ],
)
def test_refusals(pairs, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        train_translator(pairs, tmp_path, **SETTINGS | settings)


# How well it translates


def test_scores_by_hand():
    translations, targets = ["a b c", "d e", "x"], ["a b c", "d f g", "y"]
    tokens = [[text.split() for text in side] for side in (translations, targets)]
    scores = score_translations(translations, targets, *tokens)
    assert scores["pairs"] == 3
    assert scores["exact_match"] == pytest.approx(1 / 3)
    assert scores["token_accuracy"] == pytest.approx(4 / 7)  # a, b, c and d of seven
    assert scores["bleu"] == sacrebleu.corpus_bleu(translations, [targets]).score
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed")


def test_by_length_in_two_halves_or_for_each_length(trained):
    _, model, metrics = trained
    groups = metrics["test"]["by_length"]
    assert len(groups) == 2
    assert sum(group["pairs"] for group in groups) == 30
    assert groups[0]["longest"] < groups[1]["shortest"]
    test, translations = evaluate_translator(model, ["1/2/03", "3 May 2021"], ["x", "y"], beam=2)
    assert [(group["shortest"], group["longest"]) for group in test["by_length"]] == [
        (7, 7),
        (11, 11),
    ]
    assert len(translations) == 2
    assert test["beam"] == 2


@pytest.mark.parametrize(("sources", "targets"), [([], []), (["a"], ["b", "c"])])
def test_refuses_to_evaluate_nothing_or_unequal_numbers(trained, sources, targets):
    with pytest.raises(ValueError, match="`sources` and `targets` must be as many"):
        evaluate_translator(trained[1], sources, targets)
