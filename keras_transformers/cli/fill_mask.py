"""`keras-transformers fill-mask MODEL TEXT…`."""

import argparse

from keras_transformers.cli.options import Commands, add_texts, number, read_texts
from keras_transformers.training.settings import POSITIVE_INT


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("fill-mask", help="guess what [MASK] stands for in texts")
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="the directory of a pre-training, a BERT's directory or name on Hugging Face, or "
        "news-small-bert, which comes with the package",
    )
    add_texts(parser, "complete, with [MASK] in it")
    parser.add_argument(
        "-k",
        type=number(POSITIVE_INT),
        default=5,
        metavar="N",
        help="guesses for each [MASK] (default: 5)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the likeliest pieces for each `[MASK]` of each text."""
    texts = read_texts(options)
    from keras_transformers.models import fill_mask, masked_language_model

    model = masked_language_model(options.model)
    for text in texts:
        print(text)
        for guesses in fill_mask(model, text, options.k):
            print("  " + ", ".join(f"{piece} {chance:.3f}" for piece, chance in guesses))
    return 0
