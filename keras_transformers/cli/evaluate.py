"""`keras-transformers evaluate MODEL`."""

import argparse

from keras_transformers.cli import report
from keras_transformers.cli.options import add_data, add_model


def add_parser(commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("evaluate", help="measure a trained model on test texts")
    add_model(parser)
    add_data(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints how well a model classifies the test texts."""
    from keras_transformers.data import load_news
    from keras_transformers.models import load_classifier
    from keras_transformers.training import evaluate

    model = load_classifier(options.model, trust=options.trust)
    news = load_news(options.data)
    test, _ = evaluate(model, news.test_texts, news.test_labels)
    report.print_test(test)
    return 0
