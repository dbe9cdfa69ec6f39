"""`keras-transformers predict MODEL TEXT…`."""

import argparse
import json

from keras_transformers.cli.options import Commands, add_model, add_texts, read_texts


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("predict", help="classify texts with a trained model")
    add_model(parser)
    add_texts(parser, "classify")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each text")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the class of each text and its probability."""
    texts = read_texts(options)
    from keras_transformers.models import load_classifier

    model = load_classifier(options.model, trust=options.trust)
    for text, row in zip(texts, model.predict_texts(texts), strict=True):
        probabilities = dict(zip(model.class_names, row.tolist(), strict=True))
        label = max(probabilities, key=probabilities.get)
        if options.json:
            line = {"text": text, "class": label, "probabilities": probabilities}
            print(json.dumps(line, ensure_ascii=False))
        else:
            print(f"{label}\t{probabilities[label]:.4f}\t{text}")
    return 0
