"""Fine-tuning: an encoder and its head trained together."""

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_transformers.data import News, bucketed_batches
from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
from keras_transformers.data.tf_data import compiles_each_shape
from keras_transformers.distribution.processes import check_distribute
from keras_transformers.models import TextClassifier
from keras_transformers.text import bert_inputs
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.create_optimizer import create_optimizer
from keras_transformers.training.finish_classifier import finish_classifier
from keras_transformers.training.fit import best_epoch
from keras_transformers.training.run_directory import RunDirectory
from keras_transformers.training.settings import FineTuning, Frozen
from keras_transformers.training.train_frozen import head_features, train_head
from keras_transformers.training.training_steps import training_steps


def fine_tune(
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
    """Trains a classifier's encoder and head together, with the optimizer that BERT came with.

    Batches are grouped by length and dropout is on, in the encoder too. After each epoch the
    classifier answers for texts that are kept from training, of each class alike; it keeps the
    weights of the epoch with the best accuracy on them. With `validation_split=0` the last epoch's
    weights stay.

    With `head_epochs` the head alone is trained first, on features that are computed once. A head
    of random weights sends random gradients into the encoder; one that was trained does not (Kumar
    et al., 2022, arXiv 2202.10054).

    Args:
        model: with an `encoder_classifier`, `trainable`, as its classifier. It is trained in
            place. Dropout's seed is drawn when the model is built, see
            `keras.utils.set_random_seed`.
        news: the texts to train and to test on.
        directory: where the results go, see `RunDirectory`.
        arguments: dict, what the model was made of, for the record.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices it is spread, as for
            `fit`.
        **settings: fields of `keras_transformers.training.settings.FineTuning`: `epochs`,
            `batch_size`, `learning_rate`, `seed`, `warmup`, `weight_decay`, `validation_split`,
            `head_epochs`, `jit`.

    Returns:
        The metrics that `finish_classifier` writes.

    Raises:
        ValueError: if a setting is out of range, or `resume` finds a run with other arguments.
    """
    settings = FineTuning(**settings)
    check_distribute(distribute, jit=settings.jit)
    rows, validation_rows = _split(news.train_labels, settings.validation_split, settings.seed)
    run = RunDirectory(directory, arguments | {"data": str(news)} | settings.record(), resume)
    sequences = model.tokenizer.encode(news.train_texts)

    def texts_and_labels(rows):
        return [sequences[row] for row in rows], news.train_labels[rows]

    train = texts_and_labels(rows)
    if settings.head_epochs:
        train_head(
            model,
            head_features(
                model, train[0], directory, progress=bool(verbose), distribute=distribute
            ),
            train[1],
            run.checkpoint / "head",
            Frozen(settings.head_epochs, settings.batch_size, seed=settings.seed),
            resume=resume,
            verbose=verbose,
            distribute=distribute,
        )

    def make_batches(first_epoch):
        return _batches(*train, settings, seed=settings.seed, first_epoch=first_epoch)

    validation = None
    if len(validation_rows):
        validation = _batches(*texts_and_labels(validation_rows), settings)

    steps = training_steps(len(rows), settings.batch_size, settings.epochs, settings.warmup)
    optimizer = create_optimizer(settings.learning_rate, *steps)
    optimizer.weight_decay = settings.weight_decay
    compile_classifier(model.classifier, optimizer, jit=settings.jit)
    with warnings.catch_warnings():
        # With mean pooling the pooler takes no part; the optimizer leaves it alone.
        warnings.filterwarnings("ignore", "Gradients do not exist for variables")
        history = run.fit(
            model.classifier,
            make_batches,
            epochs=settings.epochs,
            validation=validation,
            verbose=verbose,
            distribute=distribute,
        )
    found = {"best_epoch": 1 + best_epoch(history)} if validation else {}
    return finish_classifier(run, model, news, history, **found)


def _split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows to train and those to validate on, the classes in like proportions."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    if share == 0:
        return rows, rows[:0]
    try:
        return train_test_split(rows, test_size=share, stratify=labels, random_state=seed)
    except ValueError as error:
        raise ValueError(
            "`validation_split` must leave texts of every class on both sides. "
            f"Received: validation_split={share!r}, {len(labels)} texts ({error})"
        ) from error


def _batches(sequences: Sequence[np.ndarray], labels: np.ndarray, settings: FineTuning, **options):
    lengths = bucket_lengths(sequences, XLA_LENGTHS if compiles_each_shape(settings.jit) else None)
    batches = bucketed_batches(
        sequences, labels, batch_size=settings.batch_size, lengths=lengths, **options
    )
    return batches.map(lambda ids, labels: (bert_inputs(ids), labels))
