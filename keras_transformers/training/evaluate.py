"""How well a model classifies texts."""

from collections.abc import Sequence

import numpy as np

from keras_transformers.models import TextClassifier


def evaluate(
    model: TextClassifier, texts: Sequence[str], labels: np.ndarray
) -> tuple[dict, np.ndarray]:
    """Classifies texts and compares the answers with their labels.

    Args:
        model: the classifier.
        texts: the texts.
        labels: integers of shape `(len(texts),)`, each text's class.

    Returns:
        A dict with `rows`, `accuracy`, `loss` (mean cross-entropy in nats), `macro_f1`, and in
        `classes` each class's `precision`, `recall`, `f1-score` and `support`; and the class
        probabilities, float32 of shape `(len(texts), num_classes)`.

    Raises:
        ValueError: if there is a label that the model has no class for.
    """
    from sklearn.metrics import classification_report

    classes = range(len(model.class_names))
    if unknown := set(np.unique(labels).tolist()) - set(classes):
        raise ValueError(
            f"`labels` must be from 0 to {len(classes) - 1}, the model's classes "
            f"{', '.join(model.class_names)}. Received: {sorted(unknown)}"
        )
    probabilities = model.predict_texts(texts)
    report = classification_report(
        labels,
        probabilities.argmax(axis=-1),
        labels=classes,
        target_names=model.class_names,
        output_dict=True,
        zero_division=0,
    )
    likelihoods = np.take_along_axis(probabilities, labels[:, None], axis=-1)
    metrics = {
        "rows": len(texts),
        "accuracy": float(np.mean(probabilities.argmax(axis=-1) == labels)),
        "loss": float(-np.mean(np.log(np.maximum(likelihoods, 1e-7)))),
        "macro_f1": report["macro avg"]["f1-score"],
        "classes": {name: report[name] for name in model.class_names},
    }
    return metrics, probabilities
