"""What a training run leaves behind."""

import importlib.metadata
import json
import os
from pathlib import Path

import numpy as np

from keras_transformers import plots
from keras_transformers.data import News
from keras_transformers.models import TextClassifier
from keras_transformers.training.evaluate import evaluate
from keras_transformers.utils import replacing


def write_run(
    directory: str | os.PathLike,
    model: TextClassifier,
    news: News,
    history: list[dict],
    *,
    prepared: float,
    arguments: dict,
) -> dict:
    """Evaluates a trained model on the test texts and writes all there is to know about it.

    The directory gets `model.keras`, `metrics.json`, `training.png` and `confusion_matrix.png`,
    each written to the end before it takes its name.

    Args:
        directory: an existing directory.
        model: the trained classifier.
        news: the texts it was trained on and those to test it on.
        history: what `fit` gave.
        prepared: float, the seconds that went before the first epoch.
        arguments: dict, the training's arguments, for the record.

    Returns:
        What `metrics.json` holds, as a dict.
    """
    directory = Path(directory)
    test, probabilities = evaluate(model, news.test_texts, news.test_labels)
    metrics = {
        "data": {
            "source": news.source,
            "train_rows": len(news.train_texts),
            "test_rows": len(news.test_texts),
            "classes": list(news.class_names),
        },
        "arguments": arguments,
        "weights": model.count_params(),
        "trainable_weights": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
        # Of a run that was taken up again, the epochs before count as well.
        "seconds": prepared + sum(epoch["seconds"] for epoch in history),
        "epochs": [{k: v for k, v in epoch.items() if k != "steps"} for epoch in history],
        "test": test,
        "versions": {
            package: importlib.metadata.version(package)
            for package in ("keras_transformers", "keras", "tensorflow")
        },
    }
    with replacing(directory / "model.keras") as path:
        model.save(path)
    with replacing(directory / "training.png") as path:
        plots.training_curve(history, test_accuracy=test["accuracy"]).savefig(path)
    with replacing(directory / "confusion_matrix.png") as path:
        predicted = probabilities.argmax(axis=-1)
        plots.confusion_matrix(news.test_labels, predicted, news.class_names).savefig(path)
    with replacing(directory / "metrics.json") as path:
        path.write_text(json.dumps(metrics, indent=2) + "\n")
    return metrics
