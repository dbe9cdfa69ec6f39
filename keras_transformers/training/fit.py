"""Training that can be killed at any moment and resumed."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers.distribution import is_first_process
from keras_transformers.distribution.place import place
from keras_transformers.distribution.placement import to_numpy
from keras_transformers.distribution.processes import from_first_process, in_first_process
from keras_transformers.training.progress import training_line
from keras_transformers.utils import reading, replacing

if TYPE_CHECKING:
    import tensorflow as tf


STATE_FILE = "state.npz"
BEST_FILE = "best.npz"


def fit(
    model: keras.Model,
    make_batches: Callable[[int], object],
    *,
    epochs: int,
    directory: str | os.PathLike[str],
    validation: "tf.data.Dataset[Any] | None" = None,
    resume: bool = False,
    verbose: int | str = "auto",
    distribute: str | None = None,
    name: str | None = None,
) -> list[dict[str, Any]]:
    """Trains a model, and keeps all of its state on disk after every epoch.

    A run that was stopped and resumed ends with the weights of one that went through. With
    `validation` these are the weights of the epoch of highest accuracy on it, the first of equals.

    Args:
        model: a compiled model, trained in place. To resume, one built and compiled as it was in
            the beginning.
        make_batches: returns the `tf.data.Dataset`, of known cardinality, for the epoch of that
            number (the first is 0) and those after it.
        epochs: int, the number of epochs, those of earlier runs included.
        directory: where the state is kept.
        validation: optional `tf.data.Dataset`, evaluated after every epoch; the model must be
            compiled with the metric `accuracy`.
        resume: bool, whether to go on from the last finished epoch kept in `directory`.
        verbose: as for `keras.Model.fit`, or "line" for one line, of all epochs, on standard
            output; in a log one every few seconds.
        distribute: None for one device; `"data"` for all devices, see `Towers` of TensorFlow and
            `Placement` of JAX; on JAX also `"model"`, and all devices of all processes, of which
            the first alone reads and writes the state. A run may be resumed on other devices than
            it began on.
        name: optional str that such a line begins with, by default the model's name.

    Returns:
        For each epoch a dict of its metrics, its `seconds`, those of the validation included,
        the `step_ms` in the mean of a training step, and in `steps` the metrics' running means
        over the epoch.

    Raises:
        ValueError: if what `resume` goes on from is damaged, or of another model, or `distribute`
            is nothing that Keras' backend can do.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    history = []
    # Made in the first step, the optimizer's variables would be in another order; made twice, one
    # that scales its loss would have some of them twice.
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    if resume and (directory / STATE_FILE).is_file():
        history = _restore(model, directory / STATE_FILE)
    if distribute:
        history = _as_in_first_process(model, history)
    done = len(history)
    with place(model, distribute) as placed:
        if done < epochs:
            if keras.backend.backend() == "jax":
                # Else Keras takes the batch that shows it the metrics' shapes out of the training.
                model.evaluate(placed.batches(make_batches(done)), steps=1, verbose=0)
            batches = placed.batches(make_batches(done))
            with training_line(name or model.name, verbose) as shown:
                model.fit(
                    **one_iterator(batches, model),
                    initial_epoch=done,
                    epochs=epochs,
                    validation_data=validation and placed.batches(validation),
                    callbacks=[_KeepEveryEpoch(directory, history), *shown["callbacks"]],
                    shuffle=False,  # the batches come shuffled
                    verbose=shown["verbose"],
                )
    if validation is not None:
        model.set_weights(_best_weights(model, directory / BEST_FILE))
    return history


def one_iterator(
    batches: "tf.data.Dataset[Any] | keras.utils.PyDataset", model: keras.Model
) -> dict[str, Any]:
    """Returns arguments of `keras.Model.fit` that let all epochs share one endless iterator.

    Keras makes two new ones for each epoch, which takes longer than a short epoch. One is possible
    only of a `tf.data.Dataset`, and if an epoch is a multiple of the steps executed at once.
    """
    if isinstance(batches, keras.utils.PyDataset) or len(batches) % model.steps_per_execution:
        return {"x": batches}
    steps = len(batches)
    return {"x": batches.repeat(), "steps_per_epoch": steps}


def best_epoch(history: list[dict[str, Any]]) -> int:
    """Returns the number, from 0, of the epoch of highest validation accuracy."""
    return max(range(len(history)), key=lambda epoch: history[epoch]["val_accuracy"])


class _KeepEveryEpoch(keras.callbacks.Callback):
    def __init__(self, directory, history):
        super().__init__()
        self.directory = directory
        self.history = history

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
        weights = [to_numpy(weight.value) for weight in self.model.weights]
        state = [to_numpy(value) for _, _, value in _leaves(_state(self.model))]
        if not is_first_process():
            return
        if "val_accuracy" in metrics and best_epoch(self.history) == epoch:
            # Not an HDF5 file: where the disk is full, its library ends the process.
            with replacing(self.directory / BEST_FILE) as path:
                np.savez(path, *weights)
        with replacing(self.directory / STATE_FILE) as path:
            np.savez(path, *state, history=json.dumps(self.history))


def _restore(model, path):
    """Returns a model the state that was kept; returns the history of the epochs until then."""
    try:
        with np.load(path) as kept:
            history = json.loads(str(kept["history"]))
            values = [kept[f"arr_{i}"] for i in range(len(kept.files) - 1)]
        tree = _state(model)
        # By order, not by name: Keras numbers names by how many layers there have been before.
        for (branch, name, now), before in zip(_leaves(tree), values, strict=True):
            if now.shape != before.shape:
                raise ValueError(f"{name} of shape {before.shape} instead of {now.shape}")
            branch[name] = before
        model.set_state_tree(tree)
    # What a damaged archive raises depends on where it is damaged.
    except Exception as error:
        raise ValueError(
            f"{path.parent}: the training kept there is damaged; do not resume it: {error}"
        ) from error
    return history


def _as_in_first_process(model, history):
    """Gives a model the state it has in the first process; returns the history there."""
    tree = _state(model)
    leaves = list(_leaves(tree))
    values = from_first_process([to_numpy(value) for _, _, value in leaves])
    for (branch, name, _), value in zip(leaves, values, strict=True):
        branch[name] = value
    model.set_state_tree(tree)
    return in_first_process(lambda: history)


def _best_weights(model, path):
    """Returns the weights that the first process keeps in a file."""
    weights = model.get_weights()
    if is_first_process():
        with reading(path), np.load(path) as best:
            weights = [best[f"arr_{i}"] for i in range(len(best.files))]
    return from_first_process(weights)


def _state(model):
    """Returns weights, optimizer and the seeds of dropout; metrics begin anew in each epoch."""
    tree = model.get_state_tree()
    return {name: branch for name, branch in tree.items() if name != "metrics_variables"}


def _leaves(tree: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yields the innermost dict, the name in it and the values of each variable."""
    for name, branch in list(tree.items()):
        if isinstance(branch, dict):
            yield from _leaves(branch)
        else:
            yield tree, name, branch
