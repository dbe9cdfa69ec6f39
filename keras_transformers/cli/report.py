"""What the commands print."""

import sys
from pathlib import Path
from typing import Any

from keras_transformers.data import News, Pairs
from keras_transformers.models import TextClassifier, Translator


def verbose() -> int:
    """Returns how `keras.Model.fit` is to report: a bar in a terminal, else a line an epoch."""
    return 1 if sys.stdout.isatty() else 2


def print_run(model: TextClassifier, news: News, metrics: dict[str, Any], output: Path) -> int:
    """Prints what came of a training; returns the exit code."""
    print_test(metrics["test"])
    _print_examples(model, news)
    return print_end(metrics, output)


def print_end(metrics: dict[str, Any], output: Path) -> int:
    """Prints how long a training took and where its results are; returns the exit code."""
    print(f"\nTrained in {metrics['seconds']:.0f} s; all results are in {output}")
    return 0


def print_test(test: dict[str, Any]) -> None:
    """Prints what `evaluate` measured."""
    width = max(len(name) for name in test["classes"])
    print(f"\n{'class':{width}}  precision  recall  texts")
    for name, measured in test["classes"].items():
        print(
            f"{name:{width}}  {measured['precision']:9.4f}  {measured['recall']:6.4f}  "
            f"{measured['support']:5.0f}"
        )
    print(f"\nTest accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f}")


def print_translation_test(test: dict[str, Any]) -> None:
    """Prints what `evaluate_translator` measured."""
    print("\nsource tokens  pairs  exact match  token accuracy   BLEU")
    for group in test["by_length"]:
        lengths = sorted({group["shortest"], group["longest"]})
        print(
            f"{' to '.join(map(str, lengths)):>13}  {group['pairs']:5}  "
            f"{group['exact_match']:11.4f}  {group['token_accuracy']:14.4f}  {group['bleu']:5.1f}"
        )
    print(
        f"\nTest exact match {test['exact_match']:.4f}, token accuracy "
        f"{test['token_accuracy']:.4f}, BLEU {test['bleu']:.1f} ({test['bleu_signature']})"
    )


def print_translations(model: Translator, pairs: Pairs, count: int = 4) -> None:
    """Prints the translations of the first test sentences."""
    print("\nFrom the test part:")
    sources, targets = pairs.test_sources[:count], pairs.test_targets[:count]
    for source, translation, target in zip(sources, model.translate(sources), targets, strict=True):
        told = "right" if translation == target else f"given: {_shorten(target)}"
        print(f"  {_shorten(source)} -> {_shorten(translation)} ({told})")


def _print_examples(model, news, count=4):
    print("\nFrom the test texts:")
    texts, labels = news.test_texts[:count], news.test_labels[:count]
    for text, row, label in zip(texts, model.predict_texts(texts), labels, strict=True):
        best = row.argmax()
        print(
            f"  {model.class_names[best]} ({row[best]:.2f}; it is {news.class_names[label]}): "
            f"{_shorten(text)}"
        )


def _shorten(text, width=80):
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"
