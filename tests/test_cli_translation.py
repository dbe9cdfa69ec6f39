"""Translators at the command line."""

import io
import json
import shutil

import pytest
from support.printed_commands import printed_commands

from keras_transformers import cli
from keras_transformers.data import date_pairs

SIZES = ["--embed-dim", "16", "--units", "16", "--num-heads", "2", "--ff-dim", "16"]
TRAIN = ["train", "translator", "--epochs", "1", "--unit", "character", *SIZES]


@pytest.fixture(scope="module")
def pairs_directory(tmp_path_factory):
    directory, pairs = tmp_path_factory.mktemp("pairs"), date_pairs(train=100, valid=20, test=20)
    for part in ("train", "valid", "test"):
        sides = (getattr(pairs, f"{part}_{side}") for side in ("sources", "targets"))
        lines = ["\t".join(pair) for pair in zip(*sides, strict=True)]
        (directory / f"{part}.tsv").write_text("\n".join(lines) + "\n")
    return directory


@pytest.fixture(scope="module", params=["rnn", "rnn-attention", "transformer"])
def trained(request, pairs_directory, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / request.param
    data = ["--data", str(pairs_directory), "--output", str(output)]
    assert cli.main([*TRAIN, "--model", request.param, *data]) == 0
    return output


def test_trains_is_evaluated_and_translates(trained, pairs_directory, run, monkeypatch):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["arguments"]["model"] == trained.name
    assert metrics["arguments"]["unit"] == "character"
    code, out, err = run("evaluate", trained, "--data", pairs_directory)
    assert code == 0, err
    assert f"Test exact match {metrics['test']['exact_match']:.4f}" in out
    assert metrics["test"]["bleu_signature"] in out
    code, one, _ = run("translate", trained, "3 May 2021", "7 June '99", "--beam", 2)
    assert code == 0
    assert len(one.splitlines()) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("3 May 2021\n7 June '99\n"))
    assert run("translate", trained, "--beam", 2)[:2] == (0, one)


def test_says_what_to_type_next(trained, pairs_directory, run, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    options = ["--model", trained.name, "--data", pairs_directory, "--output", tmp_path / "run"]
    code, out, err = run(*TRAIN, *options, "--resume")
    assert code == 0, err
    assert f"  {tmp_path / 'run' / 'training.png'}\n" in out
    commands = printed_commands(out)
    assert len(commands) == (2 if trained.name == "rnn" else 3)
    for words in commands:
        code, out, err = run(*words)
        assert code == 0, err
        assert out


def test_draws_an_alignment_where_there_is_attention(trained, tmp_path, run):
    picture = tmp_path / "alignment.png"
    code, _, err = run("translate", trained, "3 May 2021", "--alignment", picture)
    if trained.name == "rnn":
        assert code == 2
        assert err.count("\n") == 1
        assert "has no attention" in err
        assert list(tmp_path.iterdir()) == []
    else:
        assert code == 0
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_translator_classifies_nothing(trained, run):
    code, _, err = run("predict", trained, "text")
    assert code == 2
    assert "expected a text classifier" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "lstm"], "--model: invalid choice: 'lstm'"),
        (["--epochs", "0"], "--epochs: expected a positive integer, found '0'"),
        (["--rate", "1"], "--rate: expected a number in [0, 1), found '1'"),
        (["--num-heads", "3"], "`num_heads` must divide embed_dim=16"),
        (["--max-length", "3"], "`max_length` must leave a pair"),
        (["--data", "nowhere"], "nowhere: expected 'auto', 'dates'"),
    ],
)
def test_refusals(options, message, pairs_directory, tmp_path, run):
    data = ["--data", pairs_directory, "--output", tmp_path]
    code, out, err = run(*TRAIN, *data, *options)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err
    assert "Traceback" not in out + err


def test_a_bad_line_is_named(pairs_directory, tmp_path, run):
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.tsv").write_text("a\tb\n")
    (tmp_path / "valid.tsv").write_text("a\tb\nno tab\n")
    code, _, err = run(*TRAIN, "--data", tmp_path, "--output", tmp_path / "run")
    assert code == 2
    assert "valid.tsv, line 2: expected source<TAB>target, found 0 tabs" in err


def test_a_beam_is_positive(trained, run):
    code, _, err = run("translate", trained, "text", "--beam", 0)
    assert code == 2
    assert "--beam: expected a positive integer, found '0'" in err
