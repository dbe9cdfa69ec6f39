"""`keras-transformers predict MODEL TEXT…`."""

import argparse
import json
import sys

from keras_transformers.cli.options import add_model


def add_parser(commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("predict", help="classify texts with a trained model")
    add_model(parser)
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="what to classify; left out, every line of standard input is a text",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object for each text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the class of each text and its probability."""
    if not options.texts and sys.stdin.isatty():
        raise ValueError("expected texts as arguments or on standard input, found none")
    from keras_transformers.models import load_classifier

    model = load_classifier(options.model, trust=options.trust)
    texts = options.texts or [line.rstrip("\n") for line in _read_input()]
    for text, row in zip(texts, model.predict_texts(texts), strict=True):
        probabilities = dict(zip(model.class_names, row.tolist(), strict=True))
        label = max(probabilities, key=probabilities.get)
        if options.json:
            line = {"text": text, "class": label, "probabilities": probabilities}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{label}\t{probabilities[label]:.4f}\t{text}")
    return 0


def _read_input():
    try:
        return sys.stdin.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input: expected UTF-8 text, found {error}") from error
