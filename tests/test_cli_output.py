"""What stands on the screen: nothing of the libraries', and commands that can be pasted."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.printed_commands import printed_commands

from keras_transformers import cli
from keras_transformers.cli.next_commands import (
    after_classifier,
    after_pretraining,
    after_translator,
    print_next,
    program,
)

TEXTS = ["Shares fell", "", "-- a dash first", "-k", 'it\'s "quoted" $HOME `ls`\n!! 🌧️', "w " * 99]
PATHS = [Path("runs/mine"), Path("/tmp/it's mine & yours")]


def python(*arguments, **options):
    # JAX, where something in this process has imported it, has set this variable.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        **options,
    )


def test_a_training_prints_little_and_no_library_anything(news_directory, tmp_path):
    sizes = ["--vocab-size", 200, "--maxlen", 40, "--embed-dim", 8, "--ff-dim", 8]
    command = ["-m", "keras_transformers", "train", "from-scratch", "--epochs", 30, *sizes]
    ended = python(*command, "--data", news_directory, "--output", tmp_path / "run")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert len(lines) < 30
    assert any(line.startswith("from-scratch 60/60 [") for line in lines)
    assert f"  {tmp_path / 'run' / 'training.png'}" in lines
    assert "Next:" in lines


@pytest.mark.slow
def test_a_comparison_prints_little_and_no_library_anything(news_directory, tiny_pair, tmp_path):
    command = ["-m", "keras_transformers", "compare", "--encoder", tiny_pair]
    ended = python(*command, "--data", news_directory, "--output", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    # Those of what is still under way depend on the time it takes.
    parts = [line.split()[:2] for line in lines if "<" in line]
    names = [name for name, count in parts if len(set(count.split("/"))) == 1]
    bert = ["features", "frozen-bert", "features", "hf-bert", "features", "head", "fine-tuned-bert"]
    assert names == ["from-scratch", *bert]
    assert len(lines) - len(parts) < 25


WARNING = """
import argparse, warnings
from keras_transformers import cli

def run(_):
    warnings.warn_explicit("of theirs", UserWarning, "theirs.py", 1, module="theirs")
    warnings.warn_explicit("of ours", UserWarning, "a.py", 1, module="keras_transformers.layers")
    return 0

cli.parse = lambda *_: argparse.Namespace(run=run, backend=None, distribute=None)
cli.console()
"""


def test_only_warnings_of_this_package_are_shown_and_as_lines():
    assert python("-c", WARNING).stderr == "keras-transformers: of ours\n"


def test_warnings_that_were_asked_for_are_shown():
    told = python("-W", "always", "-c", WARNING).stderr
    assert "of theirs" in told
    assert "of ours" in told


# --- what one would type next ----------------------------------------------------------------


def commands_after(path, text):
    yield after_classifier(path, text, "sample"), ["predict", "evaluate", "view"]
    yield after_classifier(path, text, "auto", trust=True), ["predict", "evaluate"]
    yield after_translator(path, text, "dates"), ["translate", "evaluate", "translate"]
    yield after_translator(path, text, "auto", attention=False), ["translate", "evaluate"]
    yield after_pretraining(path, text, "auto"), ["fill-mask", "view", "train"]
    yield after_pretraining(path, text, ["sample"]), ["fill-mask", "view", "train"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("path", PATHS, ids=str)
def test_every_command_is_one(text, path, capsys):
    for commands, names in commands_after(path, text):
        print_next(*commands)
        printed = printed_commands(capsys.readouterr().out)
        assert [words[0] for words in printed] == names
        for words in printed:
            options = cli.parse(words)
            assert Path(getattr(options, "model", None) or options.encoder) == path
            if words[0] in ("fill-mask", "view", "predict", "translate"):
                [given] = options.texts
                assert given.strip()
                assert ("[MASK]" in given) == (commands[0][0] == "fill-mask")


def test_commands_name_the_data_they_need(tmp_path):
    def data(commands, name):
        [words] = [words for words in commands if words[0] == name]
        return cli.parse([str(word) for word in words]).data

    file = tmp_path / "texts.txt"
    file.write_text("a text\n")
    assert data(after_classifier(tmp_path, "a", "sample"), "evaluate") == "sample"
    assert data(after_translator(tmp_path, "a", "dates"), "evaluate") == "dates"
    assert data(after_pretraining(tmp_path, "a", ["sample"]), "train") == "sample"
    assert data(after_pretraining(tmp_path, "a", [str(file)]), "train") == "auto"


def test_the_program_is_named_as_it_is_found(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "keras-transformers"
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(shutil, "which", lambda name: str(script))
    assert program() == "keras-transformers"
    monkeypatch.setattr(shutil, "which", lambda name: "/elsewhere/keras-transformers")
    assert program() == f"{tmp_path}/bin/python -m keras_transformers"
    monkeypatch.chdir(tmp_path)
    assert program() == "bin/python -m keras_transformers"
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert program() == "bin/python -m keras_transformers"
