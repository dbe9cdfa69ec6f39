"""The command line: one file for each command."""

import argparse
import importlib.util
import logging
import os
import sys
import warnings

import keras

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
from keras_transformers.distribution.processes import are_named, is_one_of_several
from keras_transformers.utils import one_line

BACKENDS = ("tensorflow", "jax", "torch")
STOPPED, LEFT_ALONE = 130, 3
# JAX ends a process, with a stack trace, when the first of several is gone; see `announce_end`.
NOT_EVEN_FATAL = "4"


def console() -> None:
    """Runs the command line and ends the process."""
    _begin_anew(parse())
    _quieten()
    code = main()
    if code == STOPPED or (code and is_one_of_several()):
        # Threads of TensorFlow's that an interrupt left waiting can keep a process from ending, and
        # JAX would wait for processes that are gone, or wait for this one.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _begin_anew(options):
    """Starts this command again where what it asks for must be known before anything is loaded."""
    wanted = {}
    if options.backend and options.backend != keras.backend.backend():
        wanted["KERAS_BACKEND"] = options.backend
    several = options.distribute and are_named()
    if several and os.environ["TF_CPP_MIN_LOG_LEVEL"] != NOT_EVEN_FATAL:
        wanted["TF_CPP_MIN_LOG_LEVEL"] = NOT_EVEN_FATAL
    if wanted:
        os.environ.update(wanted)
        os.execv(sys.executable, sys.orig_argv)


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
    except RuntimeError:
        if not is_one_of_several():
            raise
        return LEFT_ALONE


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parses a command; `run` of the result is the function that carries it out."""
    parser = _Parser(
        prog=PROGRAM, description="Transformers in Keras 3: train, evaluate and use them."
    )
    parser.set_defaults(backend=None, distribute=None)
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


def _installed(backend):
    if backend in BACKENDS and importlib.util.find_spec(backend) is None:
        raise argparse.ArgumentTypeError(f"{backend} is not installed: pip install {backend}")
    return backend


class _Parser(argparse.ArgumentParser):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Before a command or behind it.
        self.add_argument(
            "--backend",
            choices=BACKENDS,
            type=_installed,
            default=argparse.SUPPRESS,
            help="what Keras computes with (default: KERAS_BACKEND, or tensorflow)",
        )

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")
