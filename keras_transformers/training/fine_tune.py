"""Fine-tuning: an encoder and its head trained together."""

import os
import time
import warnings
from collections.abc import Sequence

import numpy as np

from keras_transformers.data import News, bucketed_batches
from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
from keras_transformers.models import TextClassifier
from keras_transformers.text import bert_inputs
from keras_transformers.training.begin_run import begin_run
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.create_optimizer import create_optimizer
from keras_transformers.training.fit import best_epoch, fit
from keras_transformers.training.train_frozen import (
    HEAD_LEARNING_RATE,
    head_features,
    train_head,
)
from keras_transformers.training.training_steps import training_steps
from keras_transformers.training.write_run import write_run
from keras_transformers.utils import check_positive, check_rate


def fine_tune(
    model: TextClassifier,
    news: News,
    directory: str | os.PathLike,
    *,
    arguments: dict,
    epochs: int = 3,
    head_epochs: int = 0,
    batch_size: int = 32,
    learning_rate: float = 3e-5,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    validation_split: float = 0.1,
    jit: bool = False,
    seed: int = 0,
    resume: bool = False,
    verbose: int | str = "auto",
) -> dict:
    """Trains a classifier's encoder and head together, with the optimizer that BERT came with.

    Batches are grouped by length and dropout is on, in the encoder too. After each epoch the
    classifier answers for texts that are kept from training; the epoch in which it did so best is
    the one whose weights stay.

    Args:
        model: with an `encoder_classifier`, `trainable`, as its classifier. It is trained in
            place.
        news: the texts to train and to test on.
        directory: where the results go, see `write_run`.
        arguments: dict, what the model was made of, for the record.
        epochs: int, how often each training text is seen.
        head_epochs: int, for how many epochs the head alone is trained before, on features that
            are computed once (see `train_frozen`). A head of random weights sends random gradients
            into the encoder; one that was trained does not (Kumar et al., 2022, arXiv
            2202.10054).
        batch_size: int, texts in a batch.
        learning_rate: float, the highest rate, see `create_optimizer`.
        warmup: float in [0, 1), the share of the steps in which the rate rises.
        weight_decay: float, 0 or more, the decoupled weight decay.
        validation_split: float in [0, 1), the share of the training texts to choose the epoch
            by, of each class alike. With 0 the last epoch's weights stay.
        jit: bool, whether to compile the training step with XLA, once for each length.
        seed: int, of shuffling and the choice of the validation texts. Dropout's is drawn when the
            model is built, see `keras.utils.set_random_seed`.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`.

    Returns:
        The metrics that `write_run` writes.

    Raises:
        ValueError: if an argument is out of range, or `resume` finds a run with other arguments.

    Example:
        >>> from keras_transformers.data import load_news
        >>> from keras_transformers.models import bert_classifier
        >>> from keras_transformers.training import fine_tune
        >>> news = load_news("sample")  # doctest: +SKIP
        >>> model = bert_classifier(
        ...     "google/bert_uncased_L-4_H-128_A-2", freeze=False
        ... )  # doctest: +SKIP
        >>> metrics = fine_tune(model, news, "runs/example", arguments={})  # doctest: +SKIP
    """
    check_positive("epochs", epochs)
    if weight_decay < 0:
        raise ValueError(
            f"`weight_decay` must not be negative. Received: weight_decay={weight_decay!r}"
        )
    arguments = arguments | {
        "data": str(news),
        "epochs": epochs,
        "head_epochs": head_epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "validation_split": validation_split,
        "jit": jit,
        "seed": seed,
    }
    train_rows, validation_rows = _split(news.train_labels, validation_split, seed)
    started = time.perf_counter()
    kept = begin_run(directory, arguments, resume)
    sequences = model.tokenizer.encode(news.train_texts)
    train = [sequences[row] for row in train_rows], news.train_labels[train_rows]
    if head_epochs:
        train_head(
            model,
            head_features(model, train[0], directory, progress=bool(verbose)),
            train[1],
            kept / "head",
            epochs=head_epochs,
            batch_size=batch_size,
            learning_rate=HEAD_LEARNING_RATE,
            seed=seed,
            resume=resume,
            verbose=verbose,
        )

    def make_batches(first_epoch):
        return _batches(*train, batch_size, jit, seed=seed, first_epoch=first_epoch)

    validation = None
    if len(validation_rows):
        held_out = [sequences[row] for row in validation_rows]
        validation = _batches(held_out, news.train_labels[validation_rows], batch_size, jit)

    steps = training_steps(len(train_rows), batch_size, epochs, warmup)
    optimizer = create_optimizer(learning_rate, *steps)
    optimizer.weight_decay = weight_decay
    compile_classifier(model.classifier, optimizer, jit=jit)
    prepared = time.perf_counter() - started
    with warnings.catch_warnings():
        # With mean pooling the pooler takes no part; the optimizer leaves it alone.
        warnings.filterwarnings("ignore", "Gradients do not exist for variables")
        history = fit(
            model.classifier,
            make_batches,
            epochs=epochs,
            directory=kept,
            validation=validation,
            resume=resume,
            verbose=verbose,
        )
    if validation is not None:
        arguments = arguments | {"best_epoch": 1 + best_epoch(history)}
    return write_run(directory, model, news, history, prepared=prepared, arguments=arguments)


def _split(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives the rows to train and those to validate on, the classes in like proportions."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    if check_rate("validation_split", share) == 0:
        return rows, rows[:0]
    try:
        return train_test_split(rows, test_size=share, stratify=labels, random_state=seed)
    except ValueError as error:
        raise ValueError(
            "`validation_split` must leave texts of every class on both sides. "
            f"Received: validation_split={share!r}, {len(labels)} texts ({error})"
        ) from error


def _batches(
    sequences: Sequence[np.ndarray], labels: np.ndarray, batch_size: int, jit: bool, **options
):
    lengths = bucket_lengths(sequences, XLA_LENGTHS if jit else None)
    batches = bucketed_batches(sequences, labels, batch_size=batch_size, lengths=lengths, **options)
    return batches.map(lambda ids, labels: (bert_inputs(ids), labels))
