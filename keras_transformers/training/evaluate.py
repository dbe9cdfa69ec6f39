"""How well a model classifies texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_transformers.models import TextClassifier
from keras_transformers.utils import check_class_names, check_labels, check_texts

RESAMPLES = 1000


def evaluate(
    model: TextClassifier, texts: Sequence[str], labels: np.ndarray
) -> tuple[dict[str, Any], np.ndarray]:
    """Classifies texts and compares the answers with their labels.

    Args:
        model: the classifier.
        texts: the texts.
        labels: integers of shape `(len(texts),)`, each text's class.

    Returns:
        What `score` gives; and the class probabilities, float32 of shape
        `(len(texts), num_classes)`.

    Raises:
        ValueError: if there are not as many labels as texts, or a label that the model has no class
            for.
    """
    texts = check_texts(texts)
    labels = check_labels(labels, len(texts), model.class_names)
    probabilities = model.predict_texts(texts)
    return score(probabilities, labels, model.class_names), probabilities


def score(
    probabilities: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> dict[str, Any]:
    """Compares class probabilities with the labels.

    Args:
        probabilities: floats of shape `(rows, num_classes)`.
        labels: integers of shape `(rows,)`, from 0 to `num_classes - 1`.
        class_names: the name of each class.

    Returns:
        A dict with `rows`, `accuracy`, `loss` (mean cross-entropy in nats), `macro_f1`, the 95 %
        intervals `accuracy_interval` and `macro_f1_interval`, each a list of two floats (bootstrap
        over the rows; Efron, 1979), and in `classes` each class's `precision`, `recall`,
        `f1-score` and `support`.

    Raises:
        ValueError: if there is not a label of a class for each row, or two classes of one name.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    probabilities, class_names = np.asarray(probabilities), check_class_names(class_names)
    labels = check_labels(labels, len(probabilities), class_names)
    classes = range(len(class_names))
    predicted = probabilities.argmax(axis=-1)
    report = classification_report(
        labels,
        predicted,
        labels=classes,
        target_names=class_names,
        output_dict=True,
        zero_division=0,
    )
    likelihoods = np.take_along_axis(probabilities, labels[:, None], axis=-1)
    confusion = confusion_matrix(labels, predicted, labels=classes)
    return {
        "rows": len(labels),
        "accuracy": float(np.mean(predicted == labels)),
        "loss": float(-np.mean(np.log(np.maximum(likelihoods, 1e-7)))),
        "macro_f1": report["macro avg"]["f1-score"],
        **_intervals(confusion),
        "classes": {name: report[name] for name in class_names},
    }


def _intervals(confusion):
    """Draws the rows anew, with replacement: all that counts is which cell each falls into."""
    rows = confusion.sum()
    draws = np.random.default_rng(0).multinomial(rows, confusion.ravel() / rows, size=RESAMPLES)
    draws = draws.reshape(-1, *confusion.shape)
    hits = np.diagonal(draws, axis1=1, axis2=2)
    answers_and_labels = draws.sum(axis=1) + draws.sum(axis=2)
    f1 = 2 * hits / np.maximum(answers_and_labels, 1)
    return {
        f"{name}_interval": np.quantile(values, [0.025, 0.975]).tolist()
        for name, values in (("accuracy", hits.sum(axis=1) / rows), ("macro_f1", f1.mean(axis=1)))
    }
