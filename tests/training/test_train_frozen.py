"""Features once and a head on them, against the whole model trained as one."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from keras_transformers.data import bucketed_batches, load_news
from keras_transformers.hub import hub_classifier
from keras_transformers.text import bert_inputs
from keras_transformers.training import train_frozen
from keras_transformers.training.train_frozen import compile_head

EPOCHS, BATCH_SIZE, RATE = 3, 16, 0.05


@pytest.fixture(scope="module")
def news():
    sample = load_news("sample")
    return dataclasses.replace(
        sample,
        train_texts=sample.train_texts[:70],
        train_labels=sample.train_labels[:70],
        test_texts=sample.test_texts[:20],
        test_labels=sample.test_labels[:20],
    )


def build(pair):
    keras.utils.set_random_seed(0)
    return hub_classifier(
        str(pair / "preprocessor"), str(pair / "encoder"), pooling="mean", rate=0.3
    )


def train(model, news, directory, **options):
    options = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": RATE} | options
    return train_frozen(model, news, directory, arguments={}, verbose=0, **options)


@pytest.mark.slow
def test_equals_training_the_whole_frozen_model(tiny_pair, news, tmp_path):
    model = build(tiny_pair)
    train(model, news, tmp_path)

    whole = build(tiny_pair)
    sequences = whole.tokenizer.encode(news.train_texts)
    batches = bucketed_batches(
        sequences,
        news.train_labels,
        batch_size=BATCH_SIZE,
        lengths=[max(map(len, sequences))],
        seed=0,
    )
    batches = batches.map(lambda ids, labels: (bert_inputs(ids), labels))
    compile_head(whole.classifier, len(batches), EPOCHS, RATE)
    before = [w.numpy() for w in whole.classifier.get_layer("head").weights]
    whole.classifier.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0)

    for start, expected, given in zip(
        before, whole.classifier.weights[-2:], model.classifier.weights[-2:], strict=True
    ):
        assert np.abs(expected - start).max() > 0.1
        np.testing.assert_allclose(given, expected, atol=1e-4)


def test_writes_the_run_and_reopens(tiny_pair, news, tmp_path):
    model = build(tiny_pair)
    metrics = train(model, news, tmp_path)
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    assert metrics["trainable_weights"] == 8 * 4 + 4
    assert len(metrics["epochs"]) == EPOCHS
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(
        again.predict_texts(news.test_texts), model.predict_texts(news.test_texts), atol=1e-6
    )


def test_an_encoder_to_be_trained_is_refused(tiny_pair, news, tmp_path):
    model = build(tiny_pair)
    model.classifier.get_layer("features").trainable = True
    for layer in model.classifier.get_layer("features").layers:
        layer.trainable = True
    with pytest.raises(ValueError, match=r"`model` must have a frozen encoder.* \d+ weights to"):
        train(model, news, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_resumed_ends_where_uninterrupted_does(tiny_pair, news, tmp_path, monkeypatch):
    whole = build(tiny_pair)
    train(whole, news, tmp_path / "whole")

    fit = keras.Model.fit

    def fit_one_epoch(self, *args, **options):
        fit(self, *args, **options | {"epochs": 1})
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "fit", fit_one_epoch)
    with pytest.raises(KeyboardInterrupt):
        train(build(tiny_pair), news, tmp_path / "parts")
    monkeypatch.setattr(keras.Model, "fit", fit)
    resumed = build(tiny_pair)
    metrics = train(resumed, news, tmp_path / "parts", resume=True)
    assert len(metrics["epochs"]) == EPOCHS
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
