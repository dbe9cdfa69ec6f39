"""`keras-transformers evaluate MODEL`."""

import argparse

from keras_transformers.cli import report
from keras_transformers.cli.options import (
    NEWS_HELP,
    PAIRS_HELP,
    Commands,
    add_beam,
    add_data,
    add_model,
)


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="measure a trained model on test texts")
    add_model(parser)
    add_data(parser, f"for a classifier: {NEWS_HELP}; for a translator: {PAIRS_HELP}")
    add_beam(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints how well a model classifies or translates the test texts."""
    from keras_transformers.models import Translator, load_trained

    model = load_trained(options.model, trust=options.trust)
    if isinstance(model, Translator):
        return _evaluate_translator(model, options)
    from keras_transformers.data import load_news
    from keras_transformers.training import evaluate

    news = load_news(options.data)
    test, _ = evaluate(model, news.test_texts, news.test_labels)
    report.print_test(test)
    return 0


def _evaluate_translator(model, options):
    from keras_transformers.data import load_pairs
    from keras_transformers.training import evaluate_translator

    pairs = load_pairs(options.data)
    test, _ = evaluate_translator(model, pairs.test_sources, pairs.test_targets, beam=options.beam)
    report.print_translation_test(test)
    return 0
