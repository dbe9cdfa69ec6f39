"""`keras-transformers translate MODEL TEXT…`."""

import argparse
from pathlib import Path

from keras_transformers.cli.options import Commands, add_beam, add_model, add_texts, read_texts


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("translate", help="translate texts with a trained model")
    add_model(parser)
    add_texts(parser, "translate")
    add_beam(parser)
    parser.add_argument(
        "--alignment",
        type=Path,
        metavar="PNG",
        help="draw what the model looked at while it translated the first text",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints the translation of each text."""
    texts = read_texts(options)
    from keras_transformers.models import Translator, load_trained

    model = load_trained(options.model, Translator, trust=options.trust)
    translations = model.translate(texts, beam=options.beam)
    print(*translations, sep="\n")
    if options.alignment and texts:
        _draw(model, texts[0], translations[0], options.alignment)
    return 0


def _draw(model, text, translation, path):
    from keras_transformers import plots
    from keras_transformers.utils import replacing

    figure = plots.alignment(*model.align(text, translation))
    with replacing(path) as temporary:
        figure.savefig(temporary)
