"""Every model on the same texts, side by side."""

import json
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from keras_transformers import plots
from keras_transformers.checkpoints.hub_handle import load_saved_model
from keras_transformers.data import News
from keras_transformers.hub import bert_pair, hub_classifier
from keras_transformers.models import bert_classifier
from keras_transformers.training.evaluate import score
from keras_transformers.training.fine_tune import fine_tune
from keras_transformers.training.settings import FineTuning, FromScratch, Frozen
from keras_transformers.training.train_from_scratch import train_from_scratch
from keras_transformers.training.train_frozen import train_frozen
from keras_transformers.utils import markdown_table, replacing

# Test accuracies that the lesson prints, on all 120,000 training texts.
LESSON_ACCURACY = {"from-scratch": 0.9124, "frozen-bert": 0.7888, "fine-tuned-bert": 0.8247}
FROM_SCRATCH_STEPS = 500
FINE_TUNING_STEPS = 500
FINE_TUNING: dict[str, Any] = {"head_epochs": Frozen.epochs, "learning_rate": 3e-4}


def compare(
    news: News,
    directory: str | os.PathLike[str],
    *,
    encoder: str | os.PathLike[str] | None = None,
    preprocessor: str | os.PathLike[str] | None = None,
    seed: int = 0,
    resume: bool = False,
    verbose: int | str = "auto",
) -> list[dict[str, Any]]:
    """Trains every model on the same texts and under one seed.

    These are a linear classifier on words, which a small Transformer does not always beat; the
    Transformer from scratch; a frozen BERT as a SavedModel; the same BERT in our own blocks, frozen
    and fine-tuned. What stands for a text is the mean over its tokens.

    Args:
        news: the texts to train and to test on.
        directory: gets a directory for each model, see `RunDirectory`, and `comparison.md`,
            `comparison.json` and `comparison.png`.
        encoder: a BERT, as `bert_pair` takes it.
        preprocessor: the preprocessing model of a TensorFlow Hub encoder.
        seed: int, of all that is random.
        resume: bool, whether to go on where an earlier comparison was stopped.
        verbose: as for `keras.Model.fit`, or "line" for one line of all epochs.

    Returns:
        For each model a dict with `model`, `weights`, `trainable_weights`, `rows`, `epochs`,
        `seconds`, `step_ms`, `accuracy`, `macro_f1`, their 95 % intervals `accuracy_interval` and
        `macro_f1_interval`, and `lesson_accuracy`; None where a model has no such thing.

    Raises:
        FileNotFoundError, ValueError: if the encoder cannot be opened.
    """
    directory = Path(directory)
    options = {"seed": seed, "resume": resume, "verbose": verbose}
    trainings = {
        "bag-of-words": lambda output: _bag_of_words(news),
        "from-scratch": lambda output: _from_scratch(news, output, options),
    }
    pair = bert_pair(encoder, preprocessor, directory)
    for handle in pair:
        load_saved_model(handle)  # fails before anything is trained, if it fails
    trainings |= _bert_trainings(news, pair, options)
    rows = []
    for name, training in trainings.items():
        # A line begins with the name; the linear model has none.
        if verbose != "line" or name == "bag-of-words":
            print(f"\n{name}", flush=True)
        rows.append(_train(name, training, directory, seed))
    _write(directory, rows, news)
    return rows


def _bert_trainings(news, pair, options) -> dict[str, Callable]:
    names = {"pooling": "mean", "class_names": news.class_names}

    def run(train, model, output, **settings):
        return train(model, news, output, arguments={"encoder": pair[1]}, **settings, **options)

    return {
        "frozen-bert": lambda output: run(train_frozen, hub_classifier(*pair, **names), output),
        "hf-bert": lambda output: run(train_frozen, bert_classifier(pair[1], **names), output),
        "fine-tuned-bert": lambda output: run(
            fine_tune,
            bert_classifier(pair[1], trainable=True, **names),
            output,
            epochs=_epochs(news, FINE_TUNING_STEPS, FineTuning.batch_size),
            **FINE_TUNING,
        ),
    }


def _from_scratch(news, output, options):
    epochs = _epochs(news, FROM_SCRATCH_STEPS, FromScratch.batch_size)
    _, metrics = train_from_scratch(news, output, epochs=epochs, **options)
    return metrics


def _epochs(news, steps, batch_size):
    """Returns the fewest passes over the texts that make so many steps."""
    return math.ceil(steps / math.ceil(len(news.train_texts) / batch_size))


def _bag_of_words(news):
    """A logistic regression on the words' tf-idf weights, which knows nothing of their order."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    started = time.perf_counter()
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
    model.fit(news.train_texts, news.train_labels)
    weights = model[-1].coef_.size + model[-1].intercept_.size
    return {
        "weights": weights,
        "trainable_weights": weights,
        "seconds": time.perf_counter() - started,
        "epochs": [],
        "test": score(model.predict_proba(news.test_texts), news.test_labels, news.class_names),
        "data": {"train_rows": len(news.train_texts)},
    }


def _train(name, training, directory, seed):
    keras.utils.set_random_seed(seed)
    metrics = training(directory / name)
    test, epochs = metrics["test"], metrics["epochs"]
    measured = ("accuracy", "accuracy_interval", "macro_f1", "macro_f1_interval")
    return {
        "model": name,
        "weights": metrics["weights"],
        "trainable_weights": metrics["trainable_weights"],
        "rows": metrics["data"]["train_rows"],
        "epochs": len(epochs) or None,
        "seconds": metrics["seconds"],
        "step_ms": statistics.median(e["step_ms"] for e in epochs) if epochs else None,
        **{key: test[key] for key in measured},
        "lesson_accuracy": LESSON_ACCURACY.get(name),
    }


def _write(directory, rows, news):
    table = markdown_table([_readable(row) for row in rows])
    with replacing(directory / "comparison.md") as path:
        path.write_text(f"{news}. Intervals are 95 %.\n\n{table}\n")
    with replacing(directory / "comparison.json") as path:
        path.write_text(json.dumps({"data": str(news), "models": rows}, indent=2) + "\n")
    with replacing(directory / "comparison.png") as path:
        plots.comparison(rows).savefig(path)


def _readable(row):
    def interval(name):
        low, high = row[f"{name}_interval"]
        return f"{row[name]:.4f} ({low:.3f}-{high:.3f})"

    def if_any(name, form):
        return "" if row[name] is None else form.format(row[name])

    return {
        "model": row["model"],
        "weights": f"{row['weights']:,}",
        "trained": f"{row['trainable_weights']:,}",
        "rows": f"{row['rows']:,}",
        "epochs": if_any("epochs", "{}"),
        "seconds": f"{row['seconds']:.0f}",
        "ms a step": if_any("step_ms", "{:.1f}"),
        "test accuracy": interval("accuracy"),
        "macro F1": interval("macro_f1"),
        "the lesson's": if_any("lesson_accuracy", "{:.4f}"),
    }
