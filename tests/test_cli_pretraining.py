"""Pre-training and guessing at the command line."""

import importlib
import json

import pytest
from support.printed_commands import printed_commands

from keras_transformers import cli
from keras_transformers.data import load_news
from keras_transformers.models import fill_mask, masked_language_model

SETTINGS = ["--size", "tiny", "--vocab-size", "300", "--steps", "10", "--max-length", "24"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two text files, the second without a last line end."""
    directory, texts = tmp_path_factory.mktemp("texts"), load_news("sample").train_texts[:60]
    (directory / "a.txt").write_text("\n".join(texts[:40]) + "\n", encoding="utf-8")
    (directory / "b.txt").write_text("\n".join(texts[40:]), encoding="utf-8")
    return [str(directory / "a.txt"), str(directory / "b.txt")]


@pytest.fixture(scope="module")
def trained(files, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "pretrain"
    module = importlib.import_module("keras_transformers.training.pretrain")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEPS_BETWEEN_CHECKPOINTS", 10)
        assert cli.main(["pretrain", *SETTINGS, "--data", *files, "--output", str(output)]) == 0
    return output


def test_pretrains_on_files(trained, files):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["data"]["source"] == ", ".join(files)
    assert metrics["arguments"]["size"] == "tiny"


def test_says_how_well_it_guesses_and_what_to_type_next(trained, files, run, monkeypatch, tmp_path):
    module = importlib.import_module("keras_transformers.training.pretrain")
    monkeypatch.setattr(module, "STEPS_BETWEEN_CHECKPOINTS", 10)
    code, out, err = run("pretrain", *SETTINGS, "--data", *files, "--output", trained, "--resume")
    assert code == 0, err
    test = json.loads((trained / "metrics.json").read_text())["test"]
    assert out.startswith(f"Data: the lines of {', '.join(files)}\n")
    assert f"{test['accuracy']:.4f} of {test['tokens']:,} masked pieces" in out
    assert f"perplexity {test['perplexity']:.1f}" in out
    assert f"  {trained / 'training.png'}\n" in out
    *used, train = printed_commands(out)
    monkeypatch.chdir(tmp_path)  # where the viewer's page goes
    for words in used:
        code, out, err = run(*words)
        assert code == 0, err
        assert out
    assert cli.parse(train).encoder == str(trained)


def test_fills_masks(trained, run):
    texts = ["The [MASK] won.", "[MASK] and [MASK]"]
    code, out, err = run("fill-mask", trained, *texts, "-k", 3)
    assert code == 0, err
    model = masked_language_model(trained)
    expected = []
    for text in texts:
        rows = fill_mask(model, text, 3)
        expected += [text, *("  " + ", ".join(f"{p} {c:.3f}" for p, c in row) for row in rows)]
    assert out.splitlines() == expected


def test_its_checkpoint_is_an_encoder_to_train_on(trained, news_directory, tmp_path, run):
    command = ["train", "hf-bert", "--encoder", trained, "--epochs", 1, "--data", news_directory]
    code, out, err = run(*command, "--output", tmp_path)
    assert code == 0, err
    assert "Test accuracy" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pretrain", "--data", "gone.txt", "other.txt"], "gone.txt: expected a text file"),
        (["pretrain", "--data", "gone"], "gone: expected 'auto'"),
        (["pretrain", "--size", "huge"], "--size"),
        (["pretrain", "--steps", "0"], "argument --steps: expected a positive integer, found '0'"),
        (["fill-mask", "gone/away", "[MASK]"], "gone/away"),
    ],
)
def test_bad_arguments(arguments, message, tmp_path, run, monkeypatch, offline):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err


def test_a_text_without_a_mask(trained, run):
    code, _, err = run("fill-mask", trained, "nothing to guess")
    assert code == 2
    assert "`text` must contain [MASK]" in err
