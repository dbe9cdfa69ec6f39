"""The loss of what writes: against NumPy and Keras; padding never counts."""

import keras
import numpy as np
import pytest

from keras_transformers.training import MaskedCrossEntropy, TokenAccuracy


@pytest.fixture
def batch(rng):
    ids = rng.integers(1, 7, (3, 5))
    ids[1, 3:] = ids[2, 1:] = 0
    return ids, rng.normal(size=(3, 5, 7)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_equals_keras_on_the_tokens_alone(batch, smoothing):
    ids, logits = batch
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = theirs(np.eye(7)[ids[ids != 0]], logits[ids != 0])
    given = MaskedCrossEntropy(smoothing)(ids, logits)
    assert float(given) == pytest.approx(float(expected), abs=1e-5)


def test_only_padding_is_no_loss(batch):
    assert float(MaskedCrossEntropy(0.1)(np.zeros((3, 5), int), batch[1])) == 0


def test_accuracy_of_the_tokens_alone(batch):
    ids, logits = batch
    metric = TokenAccuracy()
    metric.update_state(ids, logits)
    assert float(metric.result()) == pytest.approx(np.mean((logits.argmax(-1) == ids)[ids != 0]))
    metric.update_state(np.zeros((3, 5), int), logits)
    assert float(metric.result()) == pytest.approx(np.mean((logits.argmax(-1) == ids)[ids != 0]))


def test_config_there_and_back():
    again = MaskedCrossEntropy.from_config(MaskedCrossEntropy(0.2, name="mine").get_config())
    assert (again.label_smoothing, again.name) == (0.2, "mine")
