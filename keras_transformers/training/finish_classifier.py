"""The end of a classifier's training."""

from typing import Any

from keras_transformers import plots
from keras_transformers.data import News
from keras_transformers.distribution.processes import in_first_process
from keras_transformers.models import TextClassifier
from keras_transformers.training.evaluate import evaluate
from keras_transformers.training.run_directory import RunDirectory


def finish_classifier(
    run: RunDirectory,
    model: TextClassifier,
    news: News,
    history: list[dict[str, Any]],
    **found: Any,
) -> dict[str, Any]:
    """Evaluates a trained classifier on the test texts and writes the results.

    Args:
        run: where to.
        model: the trained classifier.
        news: the texts it was trained on and those to test it on.
        history: what `fit` returned.
        **found: what else the training found out.

    Returns:
        What `metrics.json` holds, as a dict. Beside it are `model.keras`, `training.png` and
        `confusion_matrix.png`. Of several processes the first alone evaluates and writes.
    """
    return in_first_process(lambda: _finish(run, model, news, history, found))


def _finish(run, model, news, history, found):
    test, probabilities = evaluate(model, news.test_texts, news.test_labels)
    predicted = probabilities.argmax(axis=-1)
    run.save(model)
    return run.finish(
        model,
        history,
        data={
            "source": news.source,
            "train_rows": len(news.train_texts),
            "test_rows": len(news.test_texts),
            "classes": list(news.class_names),
        },
        test=test,
        figures={
            "training.png": plots.training_curve(history, test_accuracy=test["accuracy"]),
            "confusion_matrix.png": plots.confusion_matrix(
                news.test_labels, predicted, news.class_names
            ),
        },
        **found,
    )
