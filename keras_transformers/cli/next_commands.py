"""What one would type next."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from keras_transformers.cli.options import PROGRAM

WORDS = 8


def print_next(*commands: Sequence[object]) -> None:
    """Prints commands, each given as its words, in the form in which they can be pasted."""
    print("\nNext:")
    for command in commands:
        print(f"  {program()} {shlex.join(map(str, command))}")


def after_classifier(
    model: Path, text: str, data: str, *, trust: bool = False
) -> list[list[object]]:
    """Returns commands for a trained classifier; one to be trusted has no attention to view."""
    trusted, some = ["--trust"] * trust, _beginning(text)
    commands = [
        ["predict", *trusted, model, some],
        ["evaluate", *trusted, model, *_data(data)],
    ]
    return commands if trust else [*commands, ["view", model, some]]


def after_translator(
    model: Path, text: str, data: str, *, attention: bool = True
) -> list[list[object]]:
    """Returns commands for a trained translator."""
    text = _beginning(text, len(text))
    commands = [["translate", model, text], ["evaluate", model, *_data(data)]]
    picture = ["translate", model, text, "--alignment", model / "alignment.png"]
    return [*commands, picture] if attention else commands


def after_pretraining(model: Path, text: str, data: str | Sequence[str]) -> list[list[object]]:
    """Returns commands for a pre-trained BERT; files of texts have no labels to train on."""
    words = _beginning(text).split()
    words[len(words) // 2] = "[MASK]"
    masked = " ".join(words)
    first = data if isinstance(data, str) else data[0]
    labelled = [] if Path(first).is_file() else _data(first)
    return [
        ["fill-mask", model, masked],
        ["view", model, masked],
        ["train", "hf-bert", "--encoder", model, *labelled],
    ]


def program() -> str:
    """Returns what starts this program: its name where that is found, else Python with it."""
    found = shutil.which(PROGRAM)
    python = Path(sys.executable)
    if found and Path(found).resolve() == python.with_name(PROGRAM).resolve():
        return PROGRAM
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return f"{shlex.quote(str(python))} -m keras_transformers"


def _data(data):
    return [] if data == "auto" else ["--data", data]


def _beginning(text, count=WORDS):
    """Returns the first words of a text, something in any case."""
    # A hyphen would make an option of it.
    return " ".join(text.split()[:count]).lstrip("- ") or "A text"
