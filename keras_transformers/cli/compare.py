"""`keras-transformers compare`."""

import argparse

from keras_transformers.cli import report
from keras_transformers.cli.next_commands import after_classifier, print_next
from keras_transformers.cli.options import (
    Commands,
    add_hub_encoder,
    add_run,
    add_seed,
    check_writable,
    number,
)
from keras_transformers.training.settings import POSITIVE_INT


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "compare",
        help="train all models on the same texts, and make a table of them",
        description="Trains a linear classifier on words, the Transformer from scratch, and a BERT "
        "frozen and fine-tuned, all on the same texts. Leaves comparison.md, comparison.json and "
        "comparison.png in the output directory, and in it a directory for each model.",
    )
    parser.add_argument(
        "--rows",
        type=number(POSITIVE_INT),
        metavar="N",
        help="training texts to draw, or all if there are fewer (default: all)",
    )
    add_hub_encoder(parser)
    add_run(parser, "runs/compare")
    add_seed(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Trains all models and prints the table."""
    check_writable(options.output)
    from keras_transformers.data import draw_news, load_news
    from keras_transformers.training import compare

    news = load_news(options.data)
    if options.rows:
        news = draw_news(news, options.rows, options.seed)
    rows = compare(
        news,
        options.output,
        encoder=options.encoder,
        preprocessor=options.preprocessor,
        seed=options.seed,
        resume=options.resume,
        verbose="line",
    )
    report.print_comparison(rows)
    print(
        f"\nThe whole table is in {options.output / 'comparison.md'}, its picture in "
        f"{options.output / 'comparison.png'};\n{options.output} has a directory for each model, "
        "with model.keras, metrics.json and pictures."
    )
    print_next(
        *after_classifier(options.output / "fine-tuned-bert", news.test_texts[0], options.data)
    )
    return 0
