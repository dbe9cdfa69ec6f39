"""Training of a classifier on the features of a frozen encoder."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers.data import News, feature_batches
from keras_transformers.distribution.processes import check_distribute
from keras_transformers.models import TextClassifier
from keras_transformers.training.cached_features import cached_features
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.finish_classifier import finish_classifier
from keras_transformers.training.fit import fit
from keras_transformers.training.fused_adam import FusedAdam
from keras_transformers.training.run_directory import RunDirectory
from keras_transformers.training.settings import Frozen

if TYPE_CHECKING:
    import tensorflow as tf


MAX_STEPS_PER_EXECUTION = 64


def train_frozen(
    model: TextClassifier,
    news: News,
    directory: str | os.PathLike[str],
    *,
    arguments: dict[str, Any],
    resume: bool = False,
    verbose: int | str = "auto",
    distribute: str | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Trains the head of a classifier whose encoder stays as it is.

    The encoder runs once over each text; the head then trains on what it gave for as many epochs
    as wanted, which gives the same weights as running the encoder in every one. Adam, its rate
    falling to 0, minimises the cross-entropy.

    Args:
        model: with an `encoder_classifier` as its classifier, the encoder frozen. Its head is
            trained in place. Dropout's seed is drawn when the model is built, see
            `keras.utils.set_random_seed`.
        news: the texts to train and to test on.
        directory: where the results go, see `RunDirectory`; the features too, in `features`, for
            the next training with this encoder and these texts.
        arguments: dict, what the model was made of, for the record.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices it is spread, as for
            `fit`.
        **settings: fields of `keras_transformers.training.settings.Frozen`: `epochs`,
            `batch_size`, `learning_rate`, `seed`.

    Returns:
        The metrics that `finish_classifier` writes.

    Raises:
        ValueError: if the encoder is trainable, if a setting is out of range, or if `resume` finds
            a run with other arguments.
    """
    if model.classifier.get_layer("features").trainable_weights:
        raise ValueError(
            "`model` must have a frozen encoder, made with trainable=False. "
            f"Received: a model with {len(model.trainable_weights)} weights to train"
        )
    settings = Frozen(**settings)
    check_distribute(distribute)
    run = RunDirectory(directory, arguments | {"data": str(news)} | settings.record(), resume)
    sequences = model.tokenizer.encode(news.train_texts)
    features = head_features(
        model, sequences, directory, progress=bool(verbose), distribute=distribute
    )
    head, make_batches = prepare_head(model, features, news.train_labels, settings)
    history = run.fit(
        head,
        make_batches,
        epochs=settings.epochs,
        verbose=verbose,
        distribute=distribute,
    )
    return finish_classifier(run, model, news, history)


def train_head(
    model: TextClassifier,
    features: np.ndarray,
    labels: np.ndarray,
    directory: str | os.PathLike[str],
    settings: Frozen,
    **options: Any,
) -> None:
    """Trains the classifier's head alone, on `head_features`, on the way to something else."""
    head, make_batches = prepare_head(model, features, labels, settings)
    fit(head, make_batches, epochs=settings.epochs, directory=directory, **options)


def head_features(
    model: TextClassifier,
    sequences: Sequence[np.ndarray],
    directory: str | os.PathLike[str],
    **options: Any,
) -> np.ndarray:
    """Returns what the classifier's head sees of token sequences, kept in `directory/features`."""
    encoder = model.classifier.get_layer("features")
    return cached_features(encoder, sequences, Path(directory) / "features", **options)


def prepare_head(
    model: TextClassifier, features: np.ndarray, labels: np.ndarray, settings: Frozen
) -> tuple[keras.Model, Callable[[int], "tf.data.Dataset[Any]"]]:
    """Returns the classifier's compiled head and what makes its batches, for `fit`."""
    head = model.classifier.get_layer("head")

    def make_batches(first_epoch):
        return feature_batches(
            features,
            labels,
            batch_size=settings.batch_size,
            seed=settings.seed,
            first_epoch=first_epoch,
        )

    compile_head(head, len(make_batches(0)), settings.epochs, settings.learning_rate)
    return head, make_batches


def compile_head(head: keras.Model, steps: int, epochs: int, learning_rate: float) -> None:
    """Compiles a head, vectors to class probabilities, for Adam, its rate falling linearly to 0."""
    schedule = keras.optimizers.schedules.PolynomialDecay(learning_rate, epochs * steps, 0.0)
    # A divisor: see `one_iterator`.
    at_once = max(n for n in range(1, MAX_STEPS_PER_EXECUTION + 1) if steps % n == 0)
    compile_classifier(head, FusedAdam(schedule), steps_per_execution=at_once)
