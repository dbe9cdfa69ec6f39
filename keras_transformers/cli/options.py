"""Options that several commands have, and how they are read."""

import argparse
import dataclasses
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from keras_transformers.checkpoints.find_checkpoint import NEWS_SMALL_BERT
from keras_transformers.training.settings import NATURAL, POSITIVE_INT, Kind

# What `add_subparsers` returns has no public name.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
PROGRAM = "keras-transformers"
SMALL_BERT = "the small BERT of 4 layers and 128 numbers on TensorFlow Hub"
NEWS_HELP = (
    "'ag-news', 'sample' (1,000 fictional briefs that come with the package), a directory with "
    "train.csv and test.csv in AG News' layout, or 'auto': AG News where it is on disk or can be "
    "downloaded, else the sample (default: auto)"
)
TEXTS_HELP = (
    "text files in UTF-8, each line a text, of any size; or one of what follows, for its training "
    f"texts: {NEWS_HELP}"
)
PAIRS_HELP = (
    "'dates' (as people write them, to ISO form) or 'reversal' (of letters), both generated; 'ted' "
    "(TED talks, Portuguese to English); a directory with train.tsv, valid.tsv and test.tsv of "
    "source<TAB>target; or 'auto': TED talks where they are on disk, else the dates "
    "(default: auto)"
)


def add_settings(parser: argparse.ArgumentParser, *settings: type, **help_texts: str) -> None:
    """Adds an option for each field of settings classes; `help_texts` go before a field's own.

    What is not given stays out of the parsed options, so that the class' own default counts.
    """
    for field in itertools.chain(*map(dataclasses.fields, settings)):
        kind = field.metadata["kind"]
        if kind is bool:
            form = {"action": "store_true"}
        elif isinstance(kind, Kind):
            form = {"type": number(kind), "metavar": kind.metavar}
        else:
            form = {"choices": kind}
        text = help_texts.get(field.name, field.metadata["help"])
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, default=argparse.SUPPRESS, help=text, **form)


def given(options: argparse.Namespace, settings: type) -> dict[str, Any]:
    """Returns those fields of a settings class that were given on the command line."""
    names = [field.name for field in dataclasses.fields(settings)]
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def number(kind: Kind) -> Callable[[str], Any]:
    """Returns a reader of numbers for argparse."""

    def read(text):
        try:
            value = kind.parse(text)
        except ValueError:
            value = None
        if value is None or not kind.allows(value):
            raise argparse.ArgumentTypeError(f"expected {kind.expected}, found {text!r}")
        return value

    return read


def add_data(parser: argparse.ArgumentParser, help_text: str = NEWS_HELP, **form: Any) -> None:
    """Adds `--data`, as `load_news`, `load_pairs` or `load_texts` takes it."""
    parser.add_argument("--data", default="auto", metavar="DATA", help=help_text, **form)


def add_run(
    parser: argparse.ArgumentParser, output: str, data_help: str = NEWS_HELP, **data_form: Any
) -> None:
    """Adds the data, where a run's results go and whether it is resumed."""
    add_data(parser, data_help, **data_form)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(output),
        metavar="DIR",
        help=f"where the results go (default: {output})",
    )
    parser.add_argument("--resume", action="store_true", help="continue a run that was stopped")


def add_distribute(parser: argparse.ArgumentParser) -> None:
    """Adds over which devices a training is spread."""
    parser.add_argument(
        "--distribute",
        choices=("data", "model"),
        help="spread the training over all devices of the machine: each batch (data), or with "
        "--backend jax the weights (model); with --backend jax also each batch over the processes "
        "that the environment names as Keras does",
    )


def join(options: argparse.Namespace) -> None:
    """Joins the processes of a training that is spread; the first alone writes and prints."""
    if options.distribute is None:
        return
    from keras_transformers.distribution import is_first_process, join_processes
    from keras_transformers.distribution.processes import (
        TIME_TO_COME,
        announce_end,
        are_named,
        check_distribute,
    )

    check_distribute(options.distribute)
    if not are_named():
        return
    announce_end(
        f"{PROGRAM}: error: ended, for another process of the training is gone or never came, or "
        "this one was stopped; start all of them again with --resume"
    )
    print(f"Waiting for the other processes, at most {TIME_TO_COME} s", flush=True)
    join_processes()
    if not is_first_process():
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # libraries print too
        options.elsewhere = tempfile.TemporaryDirectory(prefix=PROGRAM)
        options.output = Path(options.elsewhere.name)


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Adds `--seed` to a command without settings of its own."""
    parser.add_argument(
        "--seed", type=number(NATURAL), default=0, metavar="N", help="random seed (default: 0)"
    )


def add_hub_encoder(parser: argparse.ArgumentParser) -> None:
    """Adds a BERT that is run as a SavedModel."""
    parser.add_argument(
        "--encoder",
        metavar="BERT",
        help="a TensorFlow Hub handle, a directory with the pair that export_to_hub writes, a "
        f"Hugging Face directory, or {NEWS_SMALL_BERT}, which comes with the package (default: "
        f"{SMALL_BERT}, or where it cannot be had {NEWS_SMALL_BERT})",
    )
    parser.add_argument(
        "--preprocessor",
        metavar="HANDLE",
        help="the preprocessing model of a TensorFlow Hub handle (default: BERT's for English, "
        "uncased)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the trained model that a command works with."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .keras file, or the directory of a training"
    )
    add_trust(parser)


def add_trust(parser: argparse.ArgumentParser) -> None:
    """Adds whether a model that is a program may be opened."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a model with a SavedModel in it, which runs code of its own",
    )


def add_beam(parser: argparse.ArgumentParser) -> None:
    """Adds how many candidates a translator keeps in view."""
    parser.add_argument(
        "--beam",
        type=number(POSITIVE_INT),
        default=1,
        metavar="N",
        help="candidates that a translator keeps in view while it writes (default: 1)",
    )


def add_texts(parser: argparse.ArgumentParser, what: str) -> None:
    """Adds the texts that a command works on, see `read_texts`."""
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help=f"what to {what}; left out, every line of standard input is a text",
    )


def read_texts(options: argparse.Namespace) -> list[str]:
    """Returns the texts given as arguments, else the lines of standard input."""
    if options.texts:
        return options.texts
    if sys.stdin is None or sys.stdin.isatty():
        raise ValueError("expected texts as arguments or on standard input, found none")
    try:
        lines = [line.rstrip("\n") for line in sys.stdin.readlines()]
    except UnicodeDecodeError as error:
        raise ValueError(f"standard input: expected UTF-8 text, found {error}") from error
    # Some programs begin a text with a byte-order mark.
    return [line.removeprefix("\ufeff") for line in lines[:1]] + lines[1:]


def check_writable(directory: Path) -> None:
    """Finds out before the training, not after it, whether results can be written."""
    probe = directory / ".writable"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(
            f"argument --output: expected a directory that can be written, found {directory}: "
            f"{error.strerror}"
        ) from error
