"""A training's directory, from its beginning to its end."""

import importlib.metadata
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from keras_transformers import plots
from keras_transformers.data import News
from keras_transformers.models import TextClassifier
from keras_transformers.training.evaluate import evaluate
from keras_transformers.training.fit import fit
from keras_transformers.utils import replacing


class RunDirectory:
    """Holds what a run needs to be resumed, and in the end its results.

    While the run lasts, `checkpoint` in it has the arguments the run began with and the state
    after its last epoch. `finish` leaves `model.keras`, `metrics.json`, `training.png` and
    `confusion_matrix.png`, each written to the end before it takes its name.

    Args:
        directory: where to; made if it is not there.
        arguments: dict, all that decides what the run computes.
        resume: bool, whether the run goes on from an earlier one's last finished epoch. Without,
            what an earlier run left to go on from is removed.

    Raises:
        OSError: if the directory cannot be written.
        ValueError: if `resume` finds a run with other arguments, or a damaged record of them.
    """

    def __init__(self, directory: str | os.PathLike, arguments: dict, resume: bool) -> None:
        self.path = Path(directory)
        self.checkpoint = self.path / "checkpoint"
        self.arguments = arguments
        self.resume = resume
        self.started = time.perf_counter()
        record = self.checkpoint / "arguments.json"
        if resume and record.is_file():
            self._check_same(record)
            return
        shutil.rmtree(self.checkpoint, ignore_errors=True)
        self.checkpoint.mkdir(parents=True)
        with replacing(record) as path:
            path.write_text(json.dumps(arguments))

    def _check_same(self, record):
        try:
            before = json.loads(record.read_text())
        except ValueError as error:
            raise ValueError(f"{record}: expected JSON, found {error}; do not resume") from error
        now = self.arguments
        changed = [
            f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
            for name in before | now
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise ValueError(
                f"{self.path}: a run is resumed with the arguments it began with, but "
                + "; ".join(changed)
            )

    def fit(self, model: keras.Model, make_batches: Callable, **options) -> list[dict]:
        """Trains a model by `fit` and returns the history; what went before counts as prepared."""
        self.prepared = time.perf_counter() - self.started
        return fit(model, make_batches, directory=self.checkpoint, resume=self.resume, **options)

    def finish(self, model: TextClassifier, news: News, history: list[dict], **found) -> dict:
        """Evaluates the trained model on the test texts and writes the results.

        Args:
            model: the trained classifier.
            news: the texts it was trained on and those to test it on.
            history: what `fit` returned.
            **found: what else the training found out, to stand beside the arguments.

        Returns:
            What `metrics.json` holds, as a dict.
        """
        test, probabilities = evaluate(model, news.test_texts, news.test_labels)
        metrics = {
            "data": {
                "source": news.source,
                "train_rows": len(news.train_texts),
                "test_rows": len(news.test_texts),
                "classes": list(news.class_names),
            },
            "arguments": self.arguments | found,
            "weights": model.count_params(),
            "trainable_weights": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
            # Of a run that was resumed, the epochs before count as well.
            "seconds": self.prepared + sum(epoch["seconds"] for epoch in history),
            "epochs": [{k: v for k, v in epoch.items() if k != "steps"} for epoch in history],
            "test": test,
            "versions": {
                package: importlib.metadata.version(package)
                for package in ("keras_transformers", "keras", "tensorflow")
            },
        }
        with replacing(self.path / "model.keras") as path:
            model.save(path)
        with replacing(self.path / "training.png") as path:
            plots.training_curve(history, test_accuracy=test["accuracy"]).savefig(path)
        with replacing(self.path / "confusion_matrix.png") as path:
            predicted = probabilities.argmax(axis=-1)
            plots.confusion_matrix(news.test_labels, predicted, news.class_names).savefig(path)
        with replacing(self.path / "metrics.json") as path:
            path.write_text(json.dumps(metrics, indent=2) + "\n")
        return metrics
