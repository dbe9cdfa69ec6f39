"""Options that several commands have, and how they are read."""

import argparse
import dataclasses
import itertools
from pathlib import Path

from keras_transformers.training.settings import NATURAL, Kind

PROGRAM = "keras-transformers"
SMALL_BERT = "the small BERT of 4 layers and 128 numbers on TensorFlow Hub"
_DATA_HELP = (
    "'ag-news', 'sample' (1,000 fictional briefs that come with the package), a directory with "
    "train.csv and test.csv in AG News' layout, or 'auto': AG News where it is on disk or can be "
    "downloaded, else the sample (default: auto)"
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


def given(options: argparse.Namespace, settings: type) -> dict:
    """Returns those fields of a settings class that were given on the command line."""
    names = [field.name for field in dataclasses.fields(settings)]
    return {name: getattr(options, name) for name in names if hasattr(options, name)}


def number(kind: Kind):
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


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--data`, as `load_news` takes it."""
    parser.add_argument("--data", default="auto", metavar="DATA", help=_DATA_HELP)


def add_run(parser: argparse.ArgumentParser, output: str) -> None:
    """Adds the data, where a run's results go and whether it is resumed."""
    add_data(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(output),
        metavar="DIR",
        help=f"where the results go (default: {output})",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue a stopped run after its last whole epoch"
    )


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
        help="a TensorFlow Hub handle, a directory with the pair that export_to_hub writes, or a "
        f"Hugging Face directory (default: {SMALL_BERT})",
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
    parser.add_argument(
        "--trust",
        action="store_true",
        help="open a model with a SavedModel in it, which runs code of its own",
    )


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
