"""Training of the from-scratch classifier."""

import os
import time

import keras

from keras_transformers.data import News, bucketed_batches
from keras_transformers.data.bucketed_batches import XLA_LENGTHS, bucket_lengths
from keras_transformers.models import TextClassifier, transformer_classifier
from keras_transformers.text import WordVectorizer
from keras_transformers.training.begin_run import begin_run
from keras_transformers.training.compile_classifier import compile_classifier
from keras_transformers.training.fit import fit
from keras_transformers.training.fused_adam import FusedAdam
from keras_transformers.training.write_run import write_run
from keras_transformers.utils import check_positive

# Fewer returns to Python: a step of this small model takes less time than the bookkeeping.
STEPS_PER_EXECUTION = 8
# Of 0.001 to 0.004, constant or falling, what served the accuracy after one epoch of AG News best.
LEARNING_RATE = 0.004


def train_from_scratch(
    news: News,
    directory: str | os.PathLike,
    *,
    epochs: int,
    batch_size: int = 128,
    seed: int = 0,
    vocab_size: int = 20_000,
    maxlen: int = 256,
    embed_dim: int = 32,
    num_heads: int = 2,
    ff_dim: int = 32,
    num_blocks: int = 1,
    rate: float = 0.1,
    jit: bool = False,
    resume: bool = False,
    verbose: int | str = "auto",
) -> tuple[TextClassifier, dict]:
    """Trains a small Transformer on news texts and writes model, metrics and plots.

    The texts are tokenised once; batches are grouped by length; Adam, its rate falling from
    0.004 to 0, minimises the cross-entropy.

    Args:
        news: the texts to train and to test on.
        directory: where the results go, see `write_run`; made if it is not there.
        epochs: int, how often each training text is seen.
        batch_size: int, texts in a batch.
        seed: int, of the initial weights, dropout and shuffling.
        vocab_size: see `transformer_classifier`, as are the sizes that follow.
        maxlen: int.
        embed_dim: int.
        num_heads: int.
        ff_dim: int.
        num_blocks: int.
        rate: float in [0, 1).
        jit: bool, whether to compile the training step with XLA.
        resume: bool, whether to go on from the last finished epoch of a run that was stopped.
        verbose: as for `keras.Model.fit`.

    Returns:
        The trained model, from strings to probabilities, and its metrics.

    Raises:
        ValueError: if a size is out of range, or if `resume` finds a run with other arguments.

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
    sizes = {
        "vocab_size": vocab_size,
        "maxlen": maxlen,
        "embed_dim": embed_dim,
        "num_heads": num_heads,
        "ff_dim": ff_dim,
        "num_blocks": num_blocks,
        "rate": rate,
    }
    arguments = {
        "model": "from-scratch",
        "data": str(news),
        "epochs": epochs,
        "batch_size": batch_size,
        "seed": seed,
        "jit": jit,
        **sizes,
    }
    check_positive("epochs", epochs)
    started = time.perf_counter()
    kept = begin_run(directory, arguments, resume)
    keras.utils.set_random_seed(seed)
    vectorizer = WordVectorizer(vocab_size, maxlen, name="vectorizer")
    vectorizer.adapt(news.train_texts)
    sequences = vectorizer.encode(news.train_texts)
    lengths = bucket_lengths(sequences, XLA_LENGTHS if jit else None)

    def make_batches(first_epoch):
        return bucketed_batches(
            sequences,
            news.train_labels,
            batch_size=batch_size,
            lengths=lengths,
            seed=seed,
            first_epoch=first_epoch,
        )

    classifier = transformer_classifier(num_classes=len(news.class_names), **sizes)
    compile_from_scratch(classifier, epochs * len(make_batches(0)), jit=jit)
    prepared = time.perf_counter() - started
    history = fit(
        classifier,
        make_batches,
        epochs=epochs,
        directory=kept,
        resume=resume,
        verbose=verbose,
    )
    model = TextClassifier(vectorizer, classifier, news.class_names)
    return model, write_run(directory, model, news, history, prepared=prepared, arguments=arguments)


def compile_from_scratch(model: keras.Model, num_train_steps: int, *, jit: bool = False) -> None:
    """Compiles a classifier for Adam, its rate falling linearly to 0.

    Args:
        model: from ids to class probabilities.
        num_train_steps: int, the number of steps after which the rate is 0.
        jit: bool, whether to compile the training step with XLA, once for each length.
    """
    rate = keras.optimizers.schedules.PolynomialDecay(LEARNING_RATE, num_train_steps, 0.0)
    compile_classifier(model, FusedAdam(rate), jit=jit, steps_per_execution=STEPS_PER_EXECUTION)
