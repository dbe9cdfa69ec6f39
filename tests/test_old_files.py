"""Files that version 0.1.0 wrote open and give what they gave."""

from pathlib import Path

import keras
import numpy as np
import pytest

import keras_transformers.models  # noqa: F401  (Keras finds its classes by name)

FILES = Path(__file__).parent / "files" / "0.1.0"
EXPECTED = np.load(FILES / "expected.npz")
TEXTS = [
    "Rain in the north",
    "the home side won",
    "",
    "rain, and more rain, in the south and the north again",
]
IDS = np.array([[3, 7, 1, 0, 0], [1, 2, 3, 4, 9], [5, 0, 0, 0, 0]])


def opened(name):
    return keras.saving.load_model(FILES / f"{name}.keras")


def test_layers():
    outputs, scores = opened("layers")(IDS)
    np.testing.assert_allclose(outputs, EXPECTED["layers_0"], atol=1e-5)
    np.testing.assert_allclose(scores, EXPECTED["layers_1"], atol=1e-6)


@pytest.mark.parametrize("name", ["from_scratch", "bert_pooled"])
def test_text_classifiers(name):
    np.testing.assert_allclose(opened(name).predict_texts(TEXTS), EXPECTED[name], atol=1e-5)


@pytest.mark.parametrize("pooling", ["pooled", "mean"])
def test_a_compiled_bert_trains_on(pooling):
    name = f"bert_{pooling}_compiled"
    model, tokenizer = opened(name), opened("bert_pooled").tokenizer
    np.testing.assert_allclose(model.predict(tokenizer(TEXTS)), EXPECTED[name], atol=1e-5)
    assert int(model.optimizer.iterations) == 1
    assert any(np.abs(v.numpy()).max() > 0 for v in model.optimizer.variables[2:])
    model.fit(tokenizer(TEXTS), np.array([0, 1, 0, 1]), verbose=0)
    assert int(model.optimizer.iterations) == 2
