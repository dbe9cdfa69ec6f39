"""The command line: one file for each command."""

import argparse
import logging
import os
import sys
import warnings

from keras_transformers.cli import (
    compare,
    evaluate,
    fill_mask,
    predict,
    pretrain,
    train,
    translate,
    view,
)
from keras_transformers.cli.options import PROGRAM
from keras_transformers.utils import one_line

STOPPED = 130


def console() -> None:
    """Runs the command line and ends the process."""
    _quieten()
    code = main()
    if code == STOPPED:
        # Threads of TensorFlow's that an interrupt left waiting can keep a process from ending.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _quieten():
    """Leaves out what libraries say to programmers; Python's -W and PYTHONWARNINGS still count."""
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", module="keras_transformers")
        warnings.formatwarning = lambda message, *_, **__: f"{PROGRAM}: {message}\n"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code, 2 where it cannot do what was asked for."""
    options = parse(arguments)
    try:
        return options.run(options)
    except (OSError, ValueError, NotImplementedError) as error:
        print(f"{PROGRAM}: error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: stopped", file=sys.stderr)
        return STOPPED


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses a command; `run` of the result is the function that carries it out."""
    parser = _Parser(
        prog=PROGRAM, description="Transformers in Keras 3: train, evaluate and use them."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (train, compare, evaluate, predict, translate, pretrain, fill_mask, view):
        command.add_parser(commands)
    options, rest = parser.parse_known_args(arguments)
    # argparse gives up on TEXT... once an option stands between MODEL and the first of them.
    if rest and (not hasattr(options, "texts") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.texts += rest
    return options


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")
