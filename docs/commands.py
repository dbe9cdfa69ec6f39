"""Prints the page of the command line: what each command says of itself with `--help`.

Run by docs/hooks.py in the environment of the package, which is not the site's own.
"""

import argparse
import contextlib
import os
from collections.abc import Iterator
from unittest import mock

from keras_transformers.cli import parse


def program() -> argparse.ArgumentParser:
    """Returns the parser of the program, which shows itself where help is asked for."""
    shown = []
    with (
        mock.patch.object(
            argparse.ArgumentParser, "print_help", autospec=True, side_effect=shown.append
        ),
        contextlib.suppress(SystemExit),
    ):
        parse(["--help"])
    return shown[0]


def with_commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yields a parser, and behind it those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from with_commands(command)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "88"
    print("# Command line\n\nWhat each command says with `--help`.\n")
    for parser in with_commands(program()):
        print(f"## {parser.prog}\n\n```text\n{parser.format_help()}```\n")
