"""`keras-transformers pretrain`."""

import argparse

from keras_transformers.cli import report
from keras_transformers.cli.next_commands import after_pretraining, print_next
from keras_transformers.cli.options import (
    TEXTS_HELP,
    Commands,
    add_distribute,
    add_run,
    add_settings,
    check_writable,
    given,
    join,
)
from keras_transformers.training.settings import Pretraining


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "pretrain",
        help="pre-train a BERT on texts without labels",
        description="Learns word pieces from texts, and a BERT from guessing masked ones. Leaves a "
        "checkpoint in Hugging Face's layout in the output directory, which --encoder takes, with "
        "metrics.json and training.png.",
    )
    add_run(parser, "runs/pretrain", TEXTS_HELP, nargs="+")
    add_settings(parser, Pretraining)
    add_distribute(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Pre-trains a BERT."""
    join(options)
    check_writable(options.output)
    from keras_transformers.data import load_texts
    from keras_transformers.training import pretrain

    texts = load_texts(options.data)
    _, metrics = pretrain(
        texts,
        options.output,
        resume=options.resume,
        verbose="line",
        distribute=options.distribute,
        **given(options, Pretraining),
    )
    test = metrics["test"]
    print(
        f"\nHeld-out texts: {test['accuracy']:.4f} of {test['tokens']:,} masked pieces guessed "
        f"right, perplexity {test['perplexity']:.1f}"
    )
    report.print_results(metrics, options.output)
    print_next(*after_pretraining(options.output, next(iter(texts)), options.data))
    return 0
