"""Training of the from-scratch classifier."""

import dataclasses
import math
import os
from typing import Any

import keras

from keras_transformers.data import News, bucketed_batches
from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
from keras_transformers.data.tf_data import compiles_each_shape
from keras_transformers.distribution.processes import check_distribute
from keras_transformers.models import TextClassifier, transformer_classifier
from keras_transformers.text import WordVectorizer
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.finish_classifier import finish_classifier
from keras_transformers.training.fused_adam import FusedAdam
from keras_transformers.training.run_directory import RunDirectory
from keras_transformers.training.settings import FromScratch

# A step of this small model takes less time than returning to Python after it.
STEPS_PER_EXECUTION = 8
# The best test accuracy after one epoch of AG News among rates from 0.001 to 0.004, constant or
# falling.
LEARNING_RATE = 0.004
# As accurate as Keras' 1e-7, with which gradients that are but rounding move the vectors of rare
# words: after 50 steps those of one and of eight devices were 3e-4 apart, with this 1e-6.
EPSILON = 3e-6
MIN_STEPS = 150


def train_from_scratch(
    news: News,
    directory: str | os.PathLike[str],
    *,
    resume: bool = False,
    verbose: int | str = "auto",
    distribute: str | None = None,
    **settings: Any,
) -> tuple[TextClassifier, dict[str, Any]]:
    """Trains a small Transformer on news texts and writes model, metrics and plots.

    The texts are tokenised once; batches are grouped by length; Adam, its rate falling from
    0.004 to 0, minimises the cross-entropy.

    Args:
        news: the texts to train and to test on.
        directory: where the results go, see `RunDirectory`; made if it is not there.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.
        distribute: None, `"data"` or, on JAX, `"model"`: over which devices it is spread, as for
            `fit`.
        **settings: fields of `keras_transformers.training.settings.FromScratch`, such as `epochs`,
            `batch_size`, `seed`, `jit` and the sizes of `transformer_classifier`.

    Returns:
        The trained model, from strings to probabilities, and its metrics.

    Raises:
        ValueError: if a setting is out of range, or if `resume` finds a run with other arguments.

    Example:
        >>> from keras_transformers.data import load_news
        >>> from keras_transformers.training import train_from_scratch
        >>> model, metrics = train_from_scratch(
        ...     load_news("sample"), "runs/example", epochs=1, verbose=0
        ... )
        Data: bundled sample of fictional news: 800 training and 200 test texts in 4 classes
        >>> metrics["weights"]
        659592
    """
    settings = FromScratch(**settings)
    check_distribute(distribute, jit=settings.jit)
    if settings.epochs is None:
        settings = dataclasses.replace(settings, epochs=_enough_epochs(news, settings.batch_size))
    arguments = {"model": "from-scratch", "data": str(news)} | settings.record()
    run = RunDirectory(directory, arguments, resume)

    keras.utils.set_random_seed(settings.seed)
    vectorizer = WordVectorizer(settings.vocab_size, settings.maxlen, name="vectorizer")
    vectorizer.adapt(news.train_texts)
    sequences = vectorizer.encode(news.train_texts)
    lengths = bucket_lengths(sequences, XLA_LENGTHS if compiles_each_shape(settings.jit) else None)

    def make_batches(first_epoch):
        return bucketed_batches(
            sequences,
            news.train_labels,
            batch_size=settings.batch_size,
            lengths=lengths,
            seed=settings.seed,
            first_epoch=first_epoch,
        )

    classifier = transformer_classifier(
        settings.vocab_size,
        settings.maxlen,
        settings.embed_dim,
        settings.num_heads,
        settings.ff_dim,
        len(news.class_names),
        num_blocks=settings.num_blocks,
        rate=settings.rate,
    )
    compile_from_scratch(classifier, settings.epochs * len(make_batches(0)), jit=settings.jit)
    history = run.fit(
        classifier,
        make_batches,
        epochs=settings.epochs,
        verbose=verbose,
        distribute=distribute,
    )
    model = TextClassifier(vectorizer, classifier, news.class_names)
    return model, finish_classifier(run, model, news, history)


def _enough_epochs(news, batch_size):
    return math.ceil(MIN_STEPS / math.ceil(len(news.train_texts) / batch_size))


def compile_from_scratch(model: keras.Model, num_train_steps: int, *, jit: bool = False) -> None:
    """Compiles a classifier for Adam, its rate falling linearly to 0.

    Args:
        model: from ids to class probabilities.
        num_train_steps: int, the number of steps after which the rate is 0.
        jit: bool, whether to compile the training step with XLA, once for each length.
    """
    schedule = keras.optimizers.schedules.PolynomialDecay(LEARNING_RATE, num_train_steps, 0.0)
    optimizer = FusedAdam(schedule, epsilon=EPSILON)
    compile_classifier(model, optimizer, jit=jit, steps_per_execution=STEPS_PER_EXECUTION)
