"""Training of a classifier on the features of a frozen encoder."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from keras_transformers.data import News
from keras_transformers.models import TextClassifier
from keras_transformers.training.begin_run import begin_run
from keras_transformers.training.cached_features import cached_features
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.feature_batches import feature_batches
from keras_transformers.training.fit import fit
from keras_transformers.training.fused_adam import FusedAdam
from keras_transformers.training.write_run import write_run
from keras_transformers.utils import check_positive

MAX_STEPS_PER_EXECUTION = 64
# For the heads that are trained on the way to something else.
HEAD_LEARNING_RATE = 0.01


def train_frozen(
    model: TextClassifier,
    news: News,
    directory: str | os.PathLike,
    *,
    arguments: dict,
    epochs: int,
    batch_size: int = 128,
    learning_rate: float = 1e-3,
    seed: int = 0,
    resume: bool = False,
    verbose: int | str = "auto",
) -> dict:
    """Trains the head of a classifier whose encoder stays as it is.

    The encoder runs once over each text; the head then trains on what it gave for as many epochs
    as wanted, which gives the same weights as running the encoder in every one. Adam, its rate
    falling to 0, minimises the cross-entropy.

    Args:
        model: with an `encoder_classifier` as its classifier, the encoder frozen. Its head is
            trained in place.
        news: the texts to train and to test on.
        directory: where the results go, see `write_run`; the features too, in `features`, for the
            next training with this encoder and these texts.
        arguments: dict, what the model was made of, for the record.
        epochs: int, how often each training text is seen.
        batch_size: int, texts in a batch.
        learning_rate: float, the rate of the first step.
        seed: int, of shuffling. Dropout's is drawn when the model is built, see
            `keras.utils.set_random_seed`.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`.

    Returns:
        The metrics that `write_run` writes.

    Raises:
        ValueError: if the encoder is trainable, or `resume` finds a run with other arguments.
    """
    if model.classifier.get_layer("features").trainable_weights:
        raise ValueError(
            "`model` must have a frozen encoder, made with trainable=False. "
            f"Received: a model with {len(model.trainable_weights)} weights to train"
        )
    arguments = arguments | {
        "data": str(news),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
    }
    check_positive("epochs", epochs)
    started = time.perf_counter()
    kept = begin_run(directory, arguments, resume)
    sequences = model.tokenizer.encode(news.train_texts)
    features = head_features(model, sequences, directory, progress=bool(verbose))
    prepared = time.perf_counter() - started
    history = train_head(
        model,
        features,
        news.train_labels,
        kept,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        seed=seed,
        resume=resume,
        verbose=verbose,
    )
    return write_run(directory, model, news, history, prepared=prepared, arguments=arguments)


def head_features(
    model: TextClassifier,
    sequences: Sequence[np.ndarray],
    directory: str | os.PathLike,
    *,
    progress: bool = True,
) -> np.ndarray:
    """Gives what the classifier's head sees of token sequences, kept in `directory/features`."""
    encoder = model.classifier.get_layer("features")
    return cached_features(encoder, sequences, Path(directory) / "features", progress=progress)


def train_head(
    model: TextClassifier,
    features: np.ndarray,
    labels: np.ndarray,
    kept: str | os.PathLike,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    resume: bool,
    verbose: int | str,
) -> list[dict]:
    """Trains the classifier's head alone, on `head_features`; returns what `fit` returns."""
    head = model.classifier.get_layer("head")

    def make_batches(first_epoch):
        return feature_batches(
            features, labels, batch_size=batch_size, seed=seed, first_epoch=first_epoch
        )

    compile_head(head, len(make_batches(0)), epochs, learning_rate)
    return fit(head, make_batches, epochs=epochs, directory=kept, resume=resume, verbose=verbose)


def compile_head(head: keras.Model, steps: int, epochs: int, learning_rate: float) -> None:
    """Compiles a head for Adam, its rate falling linearly to 0.

    Args:
        head: from feature vectors to class probabilities.
        steps: int, the number of steps in an epoch.
        epochs: int, the number of epochs after which the rate is 0.
        learning_rate: float, the rate of the first step.
    """
    rate = keras.optimizers.schedules.PolynomialDecay(learning_rate, epochs * steps, 0.0)
    # A divisor: see `going_on`.
    at_once = max(n for n in range(1, MAX_STEPS_PER_EXECUTION + 1) if steps % n == 0)
    compile_classifier(head, FusedAdam(rate), steps_per_execution=at_once)
