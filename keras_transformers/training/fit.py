"""Training that can be killed at any moment and taken up again."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras

from keras_transformers.utils import replacing

MODEL_FILE = "model.keras"
HISTORY_FILE = "history.json"


def fit(
    build_model: Callable[[], keras.Model],
    make_batches: Callable[[int], object],
    *,
    epochs: int,
    directory: str | os.PathLike,
    resume: bool = False,
    verbose: int | str = "auto",
) -> tuple[keras.Model, list[dict]]:
    """Trains a model, and keeps it with its optimizer on disk after every epoch.

    Args:
        build_model: gives a compiled model; not called where a kept one is taken up again.
        make_batches: gives the `tf.data.Dataset`, of known cardinality, for the epoch of that
            number (the first is 0) and those after it.
        epochs: int, the number of epochs, those of earlier runs included.
        directory: where the model and its history are kept.
        resume: bool, whether to go on from the last finished epoch kept in `directory`.
        verbose: as for `keras.Model.fit`.

    Returns:
        The trained model, and for each epoch a dict of its metrics, its `seconds`, and in `steps`
        the metrics' running means over the epoch.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if resume and (directory / MODEL_FILE).is_file():
        model, history = _kept(directory, steps=int(make_batches(0).cardinality()))
    else:
        model, history = build_model(), []
    done = len(history)
    if done < epochs:
        model.fit(
            make_batches(done),
            initial_epoch=done,
            epochs=epochs,
            callbacks=[_KeepEveryEpoch(directory, history)],
            shuffle=False,  # the batches come shuffled
            verbose=verbose,
        )
    return model, history


def _kept(directory, steps):
    model = keras.saving.load_model(directory / MODEL_FILE)
    done = int(model.optimizer.iterations) // steps
    # The history is written before the model, so it may be an epoch ahead.
    return model, json.loads((directory / HISTORY_FILE).read_text())[:done]


class _KeepEveryEpoch(keras.callbacks.Callback):
    def __init__(self, directory, history):
        super().__init__()
        self.directory = directory
        self.history = history

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append({"step": batch + 1} | {key: float(logs[key]) for key in logs})

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        metrics = {key: float(logs[key]) for key in logs}
        self.history.append(metrics | {"seconds": seconds, "steps": self.steps})
        with replacing(self.directory / HISTORY_FILE) as path:
            path.write_text(json.dumps(self.history))
        with replacing(self.directory / MODEL_FILE) as path:
            self.model.save(path)
