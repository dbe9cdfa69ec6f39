"""What the commands print."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_transformers.data import News, Pairs
    from keras_transformers.models import TextClassifier, Translator


def print_classifier(
    model: "TextClassifier", news: "News", metrics: dict[str, Any], output: Path
) -> None:
    """Prints what came of a classifier's training."""
    print_test(metrics["test"])
    _print_examples(model, news)
    print_results(metrics, output)


def print_results(metrics: dict[str, Any], output: Path) -> None:
    """Prints how long a training took and where its results and pictures are."""
    print(f"\nTrained in {metrics['seconds']:.0f} s; all results are in {output}, the pictures:")
    print(*(f"  {path}" for path in sorted(output.glob("*.png"))), sep="\n")


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


def print_comparison(rows: list[dict[str, Any]]) -> None:
    """Prints what `compare` measured."""
    print("\nmodel            trained weights  seconds  test accuracy (95 %)     lesson's")
    for row in rows:
        low, high = row["accuracy_interval"]
        accuracy = f"{row['accuracy']:.4f} ({low:.3f} to {high:.3f})"
        lesson = f"{row['lesson_accuracy']:8.4f}" if row["lesson_accuracy"] else ""
        print(
            f"{row['model']:15}  {row['trainable_weights']:15,}  {row['seconds']:7.0f}  "
            f"{accuracy}  {lesson}".rstrip()
        )


def print_translations(model: "Translator", pairs: "Pairs", count: int = 4) -> None:
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
