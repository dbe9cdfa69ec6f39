"""Training that can be killed at any moment and taken up again."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import keras

from keras_transformers.utils import replacing

STATE_FILE = "state.weights.h5"
BEST_FILE = "best.weights.h5"
HISTORY_FILE = "history.json"


def fit(
    model: keras.Model,
    make_batches: Callable[[int], object],
    *,
    epochs: int,
    directory: str | os.PathLike,
    validation=None,
    resume: bool = False,
    verbose: int | str = "auto",
) -> list[dict]:
    """Trains a model, and keeps its weights and its optimizer on disk after every epoch.

    A run that was stopped and taken up again ends with the weights of one that went through.
    With `validation` these are the weights of the epoch of highest accuracy on it, the first of
    equals.

    Args:
        model: a compiled model, trained in place. When a run is taken up again, one built and
            compiled as it was in the beginning.
        make_batches: gives the `tf.data.Dataset`, of known cardinality, for the epoch of that
            number (the first is 0) and those after it.
        epochs: int, the number of epochs, those of earlier runs included.
        directory: where weights and history are kept.
        validation: optional `tf.data.Dataset`, evaluated after every epoch; the model must be
            compiled with the metric `accuracy`.
        resume: bool, whether to go on from the last finished epoch kept in `directory`.
        verbose: as for `keras.Model.fit`.

    Returns:
        For each epoch a dict of its metrics, its `seconds`, those of the validation included,
        the `step_ms` in the mean of a training step, and in `steps` the metrics' running means
        over the epoch.

    Raises:
        ValueError: if what `resume` goes on from is damaged, or of another model.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    keep = _KeepEveryEpoch(directory)
    if resume and (directory / STATE_FILE).is_file():
        try:
            keep.restore(model)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"{directory}: the training kept there is damaged; do not resume it: {error}"
            ) from error
    done = len(keep.history)
    if done < epochs:
        model.fit(
            **going_on(make_batches(done), model),
            initial_epoch=done,
            epochs=epochs,
            validation_data=validation,
            callbacks=[keep],
            shuffle=False,  # the batches come shuffled
            verbose=verbose,
        )
    if validation is not None:
        model.load_weights(directory / BEST_FILE)
    return keep.history


def going_on(batches, model: keras.Model) -> dict:
    """Gives the arguments of `keras.Model.fit` that spare it a new iterator for each epoch.

    Keras makes two of them, which takes longer than a short epoch. A single one without an end
    serves where no epoch ends amid the steps that are executed at once.

    Args:
        batches: a `tf.data.Dataset` of known cardinality, one epoch of training.
        model: compiled, to be trained on them.

    Returns:
        dict of `x` and, where one iterator serves all epochs, `steps_per_epoch`.
    """
    steps = len(batches)
    if steps % model.steps_per_execution:
        return {"x": batches}
    return {"x": batches.repeat(), "steps_per_epoch": steps}


def best_epoch(history: list[dict]) -> int:
    """Gives the number, from 0, of the epoch of highest validation accuracy."""
    return max(range(len(history)), key=lambda epoch: history[epoch]["val_accuracy"])


class _KeepEveryEpoch(keras.callbacks.Callback):
    def __init__(self, directory):
        super().__init__()
        self.directory = directory
        self.history = []
        self.seeds = []
        self.iterations = []

    def restore(self, model):
        model.optimizer.build(model.trainable_variables)
        model.load_weights(self.directory / STATE_FILE)
        kept = json.loads((self.directory / HISTORY_FILE).read_text())
        # Written before the weights, it may be an epoch ahead. The number of steps alone would
        # not tell: under mixed_float16 those with an infinite gradient are left out.
        done = kept["iterations"].index(int(model.optimizer.iterations)) + 1
        self.history, self.seeds = kept["epochs"][:done], kept["seeds"][:done]
        self.iterations = kept["iterations"][:done]
        for variable, seed in zip(_seeds(model), self.seeds[-1], strict=True):
            variable.assign(seed)

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        self.steps = []

    def on_train_batch_end(self, batch, logs=None):
        self.trained = time.perf_counter()
        self.steps.append({"step": batch + 1} | {key: float(logs[key]) for key in logs})

    def on_epoch_end(self, epoch, logs=None):
        times = {
            "seconds": time.perf_counter() - self.started,
            "step_ms": 1000 * (self.trained - self.started) / self.steps[-1]["step"],
        }
        metrics = {key: float(logs[key]) for key in logs}
        self.history.append(metrics | times | {"steps": self.steps})
        self.seeds.append([seed.numpy().tolist() for seed in _seeds(self.model)])
        self.iterations.append(int(self.model.optimizer.iterations))
        kept = {"epochs": self.history, "seeds": self.seeds, "iterations": self.iterations}
        with replacing(self.directory / HISTORY_FILE) as path:
            path.write_text(json.dumps(kept))
        if "val_accuracy" in metrics and best_epoch(self.history) == epoch:
            with replacing(self.directory / BEST_FILE) as path:
                self.model.save_weights(path)
        with replacing(self.directory / STATE_FILE) as path:
            self.model.save_weights(path)


def _seeds(model):
    """Gives the states of dropout's random numbers, which Keras does not save."""
    return [v for v in model.variables if v.name == "seed_generator_state"]
