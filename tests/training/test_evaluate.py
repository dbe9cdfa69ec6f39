"""Accuracy, loss, precision and recall, against sums over the rows."""

import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from keras_transformers.training import evaluate

NAMES = ("World", "Sports", "Business")


class Answers:
    """Stands in for a `TextClassifier`: a text is the number of its row."""

    class_names = NAMES

    def __init__(self, probabilities):
        self.probabilities = np.asarray(probabilities, "float32")

    def predict_texts(self, texts):
        return self.probabilities[[int(text) for text in texts]]


def random_case(rows=60, seed=0):
    rng = np.random.default_rng(seed)
    return (
        Answers(rng.dirichlet([1, 1, 1], rows)),
        [str(i) for i in range(rows)],
        rng.integers(0, 3, rows),
    )


def test_equals_counting():
    model, texts, labels = random_case()
    metrics, probabilities = evaluate(model, texts, labels)
    np.testing.assert_array_equal(probabilities, model.probabilities)
    answers = [max(range(3), key=row.tolist().__getitem__) for row in probabilities]
    pairs = list(zip(labels.tolist(), answers, strict=True))
    assert metrics["rows"] == 60
    assert metrics["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / 60)
    loss = -sum(np.log(row[label]) for row, label in zip(probabilities, labels, strict=True)) / 60
    assert metrics["loss"] == pytest.approx(loss, rel=1e-5)
    f1 = []
    for number, name in enumerate(NAMES):
        hits = pairs.count((number, number))
        predicted, support = answers.count(number), labels.tolist().count(number)
        scores = metrics["classes"][name]
        assert scores["precision"] == pytest.approx(hits / predicted)
        assert scores["recall"] == pytest.approx(hits / support)
        assert scores["support"] == support
        f1.append(2 * hits / (predicted + support))
        assert scores["f1-score"] == pytest.approx(f1[-1])
    assert metrics["macro_f1"] == pytest.approx(np.mean(f1))


def test_class_that_is_neither_there_nor_predicted(recwarn):
    model = Answers([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    metrics, _ = evaluate(model, ["0", "1"], np.array([0, 1]))
    assert metrics["accuracy"] == 1
    assert list(metrics["classes"]) == list(NAMES)
    assert metrics["classes"]["Business"] == {
        "precision": 0,
        "recall": 0,
        "f1-score": 0,
        "support": 0,
    }
    assert not recwarn.list


def test_loss_is_finite_where_the_truth_got_probability_0():
    metrics, _ = evaluate(Answers([[1.0, 0.0, 0.0]]), ["0"], np.array([2]))
    assert metrics["accuracy"] == 0
    assert 10 < metrics["loss"] < 20


def test_metrics_can_be_written_as_json():
    metrics, _ = evaluate(*random_case())
    assert json.loads(json.dumps(metrics)) == metrics


@pytest.mark.parametrize(("labels", "received"), [([0, 3], "[3]"), ([-1, 5], "[-1, 5]")])
def test_labels_that_the_model_has_no_class_for(labels, received):
    model = Answers([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    with pytest.raises(ValueError, match=r"`labels` must be from 0 to 2.*World, Sports") as caught:
        evaluate(model, ["0", "1"], np.array(labels))
    assert str(caught.value).endswith(f"Received: {received}")


def test_intervals_equal_resampling_the_rows():
    model, texts, labels = random_case(rows=400)
    metrics, probabilities = evaluate(model, texts, labels)
    predicted = probabilities.argmax(axis=-1)
    rng = np.random.default_rng(1)
    draws = [rng.integers(0, 400, 400) for _ in range(1000)]
    resampled = {
        "accuracy": [np.mean(predicted[rows] == labels[rows]) for rows in draws],
        "macro_f1": [f1_score(labels[rows], predicted[rows], average="macro") for rows in draws],
    }
    for name, values in resampled.items():
        expected = np.quantile(values, [0.025, 0.975])
        np.testing.assert_allclose(metrics[f"{name}_interval"], expected, atol=0.01)


def test_interval_of_a_perfect_model():
    model = Answers(np.eye(3))
    metrics, _ = evaluate(model, ["0", "1", "2"], np.array([0, 1, 2]))
    assert metrics["accuracy_interval"] == [1, 1]
