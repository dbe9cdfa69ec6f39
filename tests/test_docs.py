"""The Python of the how-to pages runs, page by page, and their commands are ones there are."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from keras_transformers.cli import parse

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md")])
# A block is run unless this comment stands in the line above it.
NOT_RUN = "<!-- not run"
LONG = ("tensorflow-hub",)  # writes SavedModels
BLOCK = re.compile(rf"(?ms)^(?!{NOT_RUN})([^\n]*)\n```python\n(.*?)^```$")

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
PROGRAMS = {page: [block[2] for block in BLOCK.finditer(text)] for page, text in TEXTS.items()}
COMMANDS = [
    command
    for text in TEXTS.values()
    for command in re.findall(r"(?m)^ +keras-transformers (.*)", text)
]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=pytest.mark.slow) if page.stem in LONG else page
        for page in PAGES
        if PROGRAMS[page]
    ],
    ids=lambda page: page.stem,
)
def test_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for program in PROGRAMS[page]:
        exec(compile(program, page.name, "exec"), namespace)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_have_the_options_that_are_shown(command):
    assert parse(shlex.split(command, comments=True)).run


def test_there_are_pages():
    assert {"layer", "data", "classes", "hugging-face", "tensorflow-hub", "serve", "attention"} <= {
        page.stem for page in PAGES if PROGRAMS[page]
    }


def test_the_page_of_the_command_line_has_every_command():
    command = [sys.executable, DOCS / "commands.py"]
    page = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for title, help_text in re.findall(r"(?m)^## (.*)\n\n```text\nusage: (.*)$", page):
        assert help_text.startswith(f"{title} [-h]")
    assert "## keras-transformers view\n" in page
    assert "## keras-transformers train translator\n" in page
