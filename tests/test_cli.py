"""The command line: what it prints, and one line for whatever is wrong."""

import contextlib
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
from support.printed_commands import printed_commands

from keras_transformers import cli
from keras_transformers.models import BertEncoder, transformer_classifier
from keras_transformers.training.settings import FromScratch

ROWS = '"1","Vote","Polls closed."\n"2","Cup","Side won."\n'
SIZES = ["--vocab-size", "200", "--maxlen", "40", "--embed-dim", "8", "--ff-dim", "8"]
TRAIN = ["train", "from-scratch", "--epochs", "1", "--batch-size", "64", *SIZES]
TEXTS = ["Shares fell sharply", "", 'Kirkens 🌧️ klokker "ringer"', "word " * 10_000]


@pytest.fixture(scope="module")
def trained(news_directory, tmp_path_factory):
    """A training's directory, and what it printed."""
    output = tmp_path_factory.mktemp("runs") / "deep" / "run"
    printed = io.StringIO()
    module = importlib.import_module("keras_transformers.training.train_from_scratch")
    with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        # Tracing the usual number takes longer than this training.
        patch.setattr(module, "STEPS_PER_EXECUTION", 2)
        assert cli.main([*TRAIN, "--data", str(news_directory), "--output", str(output)]) == 0
    return output, printed.getvalue()


@pytest.fixture
def refused(run):
    """Runs a command that must be refused; gives its one line."""

    def refused(*arguments):
        code, out, err = run(*arguments)
        assert code == 2
        assert err.startswith("keras-transformers")
        assert err.count("\n") == 1
        assert err.endswith("\n")
        assert ": error: " in err
        assert "Traceback" not in out + err
        return err

    return refused


# --- train -----------------------------------------------------------------------------------


def test_train_prints_progress_test_and_examples(trained, news_directory):
    output, printed = trained
    metrics = json.loads((output / "metrics.json").read_text())
    lines = printed.splitlines()
    assert lines[0] == f"Data: {news_directory}: 200 training and 40 test texts in 4 classes"
    assert any(line.startswith("from-scratch 4/4 ") and "accuracy=" in line for line in lines)
    assert f"Test accuracy {metrics['test']['accuracy']:.4f}" in printed
    for name, scores in metrics["test"]["classes"].items():
        row = [name, f"{scores['precision']:.4f}", f"{scores['recall']:.4f}"]
        assert [*row, f"{scores['support']:.0f}"] in [line.split() for line in lines]
    assert len([line for line in lines if "; it is " in line]) == 4
    for name in ("training.png", "confusion_matrix.png"):
        assert f"  {output / name}" in lines


def test_what_train_says_to_type_next_can_be_typed(trained, run, tmp_path, monkeypatch):
    commands = printed_commands(trained[1])
    monkeypatch.chdir(tmp_path)  # where the viewer's page goes
    for words in commands:
        code, out, err = run(*words)
        assert code == 0, err
        assert out
    assert (tmp_path / "attention.html").is_file()


def test_train_leaves_its_results(trained):
    names = {path.name for path in trained[0].iterdir() if path.is_file()}
    assert names == {"model.keras", "metrics.json", "training.png", "confusion_matrix.png"}


@pytest.fixture
def calls(monkeypatch):
    """What `train_from_scratch` is called with, instead of a training."""
    training = importlib.import_module("keras_transformers.training")
    calls = []

    class Model:
        class_names = ("World", "Sports", "Business", "Sci/Tech")

        def predict_texts(self, texts):
            return np.full((len(texts), 4), 0.25)

    def record(news, directory, **options):
        calls.append((news, directory, options))
        return Model(), {
            "seconds": 1.0,
            "test": {
                "accuracy": 0.5,
                "loss": 1.0,
                "classes": {"a": {"precision": 0, "recall": 0, "support": 0}},
            },
        }

    monkeypatch.setattr(training, "train_from_scratch", record)
    return calls


def test_train_defaults_are_the_lessons(run, calls, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("train", "from-scratch", "--data", "sample")[0] == 0
    [(news, directory, options)] = calls
    assert len(news.train_texts) == 800
    assert str(directory) == "runs/from-scratch"
    # The rest is as the settings have it.
    assert options == {"resume": False, "verbose": "line", "distribute": None}
    assert FromScratch().record() == {
        "epochs": None,
        "batch_size": 128,
        "seed": 0,
        "jit": False,
        "vocab_size": 20_000,
        "maxlen": 256,
        "embed_dim": 32,
        "num_heads": 2,
        "ff_dim": 32,
        "num_blocks": 1,
        "rate": 0.1,
    }


def test_train_passes_every_option_on(run, calls, tmp_path):
    given = {
        "epochs": 3,
        "batch_size": 7,
        "seed": 5,
        "vocab_size": 11,
        "maxlen": 12,
        "embed_dim": 13,
        "num_heads": 14,
        "ff_dim": 15,
        "num_blocks": 16,
        "rate": 0.25,
    }
    words = [w for name, value in given.items() for w in (f"--{name.replace('_', '-')}", value)]
    command = ["train", "from-scratch", "--data", "sample", "--output", tmp_path / "new"]
    assert run(*command, *words, "--jit", "--resume")[0] == 0
    [(_, directory, options)] = calls
    assert directory == tmp_path / "new"
    assert given.items() <= options.items()
    assert options["jit"] is options["resume"] is True


def test_resume_with_other_arguments(trained, news_directory, refused):
    command = [*TRAIN, "--data", news_directory, "--output", trained[0], "--resume"]
    assert "seed was 0 and is 1" in refused(*command, "--seed", "1")


# --- evaluate --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "model.keras"])
def test_evaluate_prints_what_the_training_measured(trained, news_directory, run, name):
    output, printed = trained
    code, out, err = run("evaluate", output / name, "--data", news_directory)
    assert code == 0
    assert err == ""
    assert out.splitlines()[0].startswith("Data: ")
    assert (
        out.splitlines()[1:]
        == printed[printed.index("\nclass") :].split("\n\nFrom")[0].splitlines()
    )


def test_evaluate_with_a_class_the_model_has_not(trained, refused, tmp_path):
    (tmp_path / "train.csv").write_text(ROWS)
    (tmp_path / "test.csv").write_text('"5","Film","A hit."\n')
    (tmp_path / "classes.txt").write_text("World\nSports\nBusiness\nSci/Tech\nCulture\n")
    line = refused("evaluate", trained[0], "--data", tmp_path)
    assert "from 0 to 3" in line
    assert "[4]" in line


# --- predict ---------------------------------------------------------------------------------


def classes_by_hand(output, texts):
    model = keras.saving.load_model(output / "model.keras")
    return model.class_names, model.predict_texts(texts)


def feed(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def test_predict_arguments(trained, run):
    names, probabilities = classes_by_hand(trained[0], TEXTS)
    code, out, err = run("predict", trained[0], *TEXTS)
    assert (code, err) == (0, "")
    expected = [
        f"{names[row.argmax()]}\t{row.max():.4f}\t{text}"
        for row, text in zip(probabilities, TEXTS, strict=True)
    ]
    assert out.splitlines() == expected


def test_predict_json(trained, run):
    names, probabilities = classes_by_hand(trained[0], TEXTS)
    code, out, _ = run("predict", "--json", trained[0], *TEXTS)
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    for row, expected in zip(rows, probabilities, strict=True):
        assert list(row["probabilities"]) == list(names)
        np.testing.assert_allclose(list(row["probabilities"].values()), expected, atol=1e-6)
        assert row["class"] == names[expected.argmax()]
    assert "Kirkens 🌧️" in out


def test_predict_lines_of_standard_input(trained, run, monkeypatch):
    feed(monkeypatch, "Shares fell\n\nØlsalget øker 🍺".encode())
    code, out, _ = run("predict", trained[0], "--json")
    assert code == 0
    texts = [json.loads(line)["text"] for line in out.splitlines()]
    assert texts == ["Shares fell", "", "Ølsalget øker 🍺"]


def test_predict_empty_standard_input(trained, run, monkeypatch):
    feed(monkeypatch, b"")
    assert run("predict", trained[0]) == (0, "", "")


def test_predict_standard_input_that_is_not_utf8(trained, refused, monkeypatch):
    feed(monkeypatch, b"good\nbl\xe5b\xe6r\n")
    assert "standard input: expected UTF-8" in refused("predict", trained[0])


def test_predict_argument_that_is_not_utf8(trained, refused):
    # What Python makes of bytes in the command line that are not UTF-8.
    refused("predict", trained[0], "bl\udce5b\udce6r")


def test_predict_without_texts_at_a_terminal(trained, refused, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert "found none" in refused("predict", trained[0])


# --- whatever is wrong -----------------------------------------------------------------------


def commands_with_data(tmp_path, trained, data):
    yield *TRAIN, "--output", tmp_path / "new", "--data", data
    yield "evaluate", trained[0], "--data", data


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train.csv", ROWS + '"1","two fields"\n', "train.csv, line 3: expected"),
        ("test.csv", ROWS + '"7","Cup","Won."\n', "test.csv, line 3: expected a class from 1 to 4"),
        ("train.csv", "", "train.csv: expected at least one row, found an empty file"),
        ("test.csv", ROWS + '"1","Bl\xe5b\xe6r","\xf8"\n', "test.csv, line 3: expected UTF-8"),
        ("test.csv", None, "test.csv: expected a CSV file, found none"),
    ],
)
def test_wrong_data(trained, refused, tmp_path, name, content, expected):
    data = tmp_path / "data"
    data.mkdir()
    for file in ("train.csv", "test.csv"):
        (data / file).write_text(ROWS)
    if content is None:
        (data / name).unlink()
    else:
        (data / name).write_text(content, encoding="latin-1")
    for command in commands_with_data(tmp_path, trained, data):
        assert expected in refused(*command)
    assert not (tmp_path / "new" / "model.keras").exists()


def test_missing_directory(trained, refused, tmp_path):
    for command in commands_with_data(tmp_path, trained, tmp_path / "nowhere"):
        assert str(tmp_path / "nowhere") in refused(*command)


def test_ag_news_offline(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    module = importlib.import_module("keras_transformers.data.load_news")
    monkeypatch.setattr(module, "MIRROR", "http://127.0.0.1:9/")
    line = refused(*TRAIN, "--output", tmp_path / "new", "--data", "ag-news")
    assert "cannot be reached" in line


def zip_of_something(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "not a model")


def zip_with_a_config(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", '{"module": "nowhere", "class_name": "Nothing"}')
        file.writestr("metadata.json", "{}")
        file.writestr("model.weights.h5", "")


def other_model(path):
    transformer_classifier(20, 4, 4, 1, 4).save(path)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.write_text("not a model"), "expected a .keras file"),
        (lambda path: path.write_bytes(b""), "expected a .keras file"),
        (
            lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
            "expected a .keras file",
        ),
        (zip_of_something, "expected a .keras file"),
        (zip_with_a_config, "expected a .keras file"),
        (other_model, "expected a text classifier"),
        (lambda path: path.mkdir(), "expected a .keras file, found none"),
        (lambda path: None, "expected a .keras file, found none"),
    ],
    ids=["text", "empty", "hdf5", "zip", "config", "other", "directory", "missing"],
)
def test_model_that_is_not_one(refused, tmp_path, make, expected):
    path = tmp_path / "model.keras"
    make(path)
    for command in (["predict", path, "text"], ["evaluate", path, "--data", "sample"]):
        line = refused(*command)
        assert str(path) in line
        assert expected in line


def test_model_that_is_cut_short(trained, refused, tmp_path):
    whole = (trained[0] / "model.keras").read_bytes()
    (tmp_path / "model.keras").write_bytes(whole[: len(whole) // 2])
    assert "expected a .keras file" in refused("predict", tmp_path / "model.keras", "text")


@pytest.mark.parametrize(
    "option", ["--epochs", "--batch-size", "--vocab-size", "--maxlen", "--num-blocks"]
)
@pytest.mark.parametrize("value", ["0", "-3", "2.5", "many", ""])
def test_sizes_that_are_none(refused, tmp_path, option, value):
    line = refused(*TRAIN, "--output", tmp_path / "new", f"{option}={value}")
    assert f"argument {option}: expected a positive integer, found {value!r}" in line
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--seed", "-1", "an integer of at least 0"),
        ("--seed", "x", "an integer of at least 0"),
        ("--rate", "1", "a number in [0, 1)"),
        ("--rate", "-0.1", "a number in [0, 1)"),
        ("--rate", "nan", "a number in [0, 1)"),
        ("--rate", "half", "a number in [0, 1)"),
    ],
)
def test_other_numbers_out_of_range(refused, tmp_path, option, value, expected):
    line = refused(*TRAIN, "--output", tmp_path / "new", f"{option}={value}")
    assert f"argument {option}: expected {expected}, found {value!r}" in line


def test_vocabulary_of_one_word(refused, news_directory, tmp_path):
    command = [*TRAIN, "--data", news_directory, "--output", tmp_path / "new"]
    assert "must have room for padding" in refused(*command, "--vocab-size", "1")


def test_output_that_cannot_be_written(refused, tmp_path):
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        line = refused(*TRAIN, "--data", "sample", "--output", output)
        assert "argument --output: expected a directory that can be written" in line
        assert str(output) in line
    assert (tmp_path / "file").read_text() == "mine"


def test_output_without_permission(refused, tmp_path, monkeypatch):
    def touch(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    # Root may write everywhere, so a read-only directory would prove nothing.
    monkeypatch.setattr("pathlib.Path.touch", touch)
    line = refused(*TRAIN, "--data", "sample", "--output", tmp_path / "new")
    assert "argument --output" in line
    assert "Permission denied" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["train"], "MODEL"),
        (["train", "from-space"], "from-space"),
        (["train", "from-scratch", "--fast"], "--fast"),
        (["evaluate"], "MODEL"),
        (["predict"], "MODEL"),
    ],
)
def test_commands_that_do_not_exist(refused, arguments, expected):
    assert expected in refused(*arguments)


def test_a_backend_that_is_not_installed(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["--backend", "torch", "predict", "run"])
    assert capsys.readouterr().err == (
        "keras-transformers: error: argument --backend: torch is not installed: pip install torch\n"
    )


def test_interrupted(run, calls, tmp_path, monkeypatch):
    training = importlib.import_module("keras_transformers.training")

    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train_from_scratch", interrupt)
    code, _, err = run(*TRAIN, "--data", "sample", "--output", tmp_path / "new")
    assert code == 130
    assert err == "keras-transformers: stopped\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["train", "evaluate", "predict"]),
        (["train"], ["from-scratch"]),
        (
            ["train", "from-scratch"],
            ["--data", "--epochs", "--output", "--seed", "--resume", "--vocab-size", "20000"],
        ),
        (["evaluate"], ["MODEL", "--data"]),
        (["predict"], ["MODEL", "TEXT", "--json", "standard input"]),
    ],
)
def test_help(run, arguments, expected):
    code, out, err = run(*arguments, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: keras-transformers")
    text = " ".join(out.split())
    assert all(word in text for word in expected)
    assert max(map(len, out.splitlines())) <= 100


def test_real_process_prints_one_line_and_exits_with_2(trained, tmp_path):
    (tmp_path / "test.csv").write_text(ROWS)
    (tmp_path / "train.csv").write_text('"1","two fields"\n')
    command = [sys.executable, "-m", "keras_transformers", "evaluate", trained[0]]
    # JAX, where something in this process has imported it, has set this variable.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [*command, "--data", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "train.csv, line 1: expected" in result.stderr


INTERRUPTED = """
import argparse, threading
from keras_transformers import cli

def interrupted(_):
    raise KeyboardInterrupt

threading.Thread(target=threading.Event().wait).start()
cli.parse = lambda *_: argparse.Namespace(run=interrupted, backend=None, distribute=None)
cli.console()
"""


def test_interrupted_command_ends_though_a_thread_waits():
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 130
    assert process.stderr.endswith("keras-transformers: stopped\n")


# --- frozen BERT -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frozen(news_directory, tiny_pair, tmp_path_factory):
    """The directory of a training on a frozen BERT."""
    output = tmp_path_factory.mktemp("frozen") / "run"
    command = ["train", "frozen-bert", "--data", news_directory, "--encoder", tiny_pair]
    command += ["--epochs", 2]
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main([*map(str, command), "--output", str(output)]) == 0
    return output


def test_frozen_bert_leaves_a_model_that_evaluates_and_predicts(frozen, news_directory, run):
    metrics = json.loads((frozen / "metrics.json").read_text())
    assert metrics["arguments"]["model"] == "frozen-bert"
    assert metrics["trainable_weights"] == 8 * 4 + 4
    code, out, _ = run("evaluate", "--trust", frozen, "--data", news_directory)
    assert code == 0
    assert f"Test accuracy {metrics['test']['accuracy']:.4f}" in out
    code, out, _ = run("predict", "--trust", frozen, "--json", "a b rains")
    assert code == 0
    assert set(json.loads(out)["probabilities"]) == set(metrics["data"]["classes"])


@pytest.mark.slow
def test_frozen_bert_in_half_precision(news_directory, tiny_pair, tmp_path, run):
    command = ["train", "frozen-bert", "--data", news_directory, "--encoder", tiny_pair]
    try:
        code, _, err = run(
            *command, "--mixed-precision", "bfloat16", "--epochs", 1, "--output", tmp_path
        )
    finally:
        keras.config.set_dtype_policy("float32")
    assert code == 0, err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["arguments"]["mixed_precision"] == "bfloat16"
    code, out, _ = run("evaluate", "--trust", tmp_path, "--data", news_directory)
    assert code == 0
    assert f"Test accuracy {metrics['test']['accuracy']:.4f}" in out


def test_a_model_with_a_saved_model_in_it_has_to_be_trusted(frozen, refused):
    assert "pass --trust" in refused("predict", frozen, "text")


def test_a_saved_model_that_has_gone_is_named(news_directory, tiny_pair, tmp_path, refused):
    shutil.copytree(tiny_pair, tmp_path / "pair")
    command = ["train", "frozen-bert", "--data", news_directory, "--encoder", tmp_path / "pair"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert cli.main([*map(str, command), "--epochs=1", f"--output={tmp_path / 'run'}"]) == 0
    (tmp_path / "pair").rename(tmp_path / "moved")
    line = refused("predict", "--trust", tmp_path / "run", "text")
    assert f"{tmp_path / 'run' / 'model.keras'}: the SavedModel in it is gone" in line
    assert str(tmp_path / "pair" / "preprocessor") in line


def test_encoder_that_is_not_there(news_directory, tmp_path, refused):
    arguments = ["--data", news_directory, "--output", tmp_path, "--encoder", "no/where"]
    assert "encoder='no/where', which is not there" in refused("train", "frozen-bert", *arguments)


def test_an_address_offline_says_what_to_pass_instead(news_directory, tmp_path, refused, offline):
    arguments = ["--data", news_directory, "--output", tmp_path / "run"]
    handles = ["--encoder", "https://tfhub.dev/a/1", "--preprocessor", "https://tfhub.dev/b/1"]
    message = refused("train", "frozen-bert", *arguments, *handles)
    assert "tfhub.dev" in message
    assert "local copy" in message


def test_handle_without_preprocessor_is_refused(news_directory, tmp_path, refused):
    arguments = [
        "--data",
        news_directory,
        "--output",
        tmp_path / "run",
        "--encoder",
        "https://x.invalid/1",
    ]
    assert "`preprocessor` must name" in refused("train", "frozen-bert", *arguments)


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "fast"])
def test_learning_rate_is_positive(refused, rate):
    message = refused("train", "frozen-bert", f"--learning-rate={rate}")
    assert f"--learning-rate: expected a positive number, found '{rate}'" in message


# --- native BERT -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hugging_face_directory(tiny_pair, tmp_path_factory):
    """The tiny BERT in Hugging Face's layout."""
    directory = tmp_path_factory.mktemp("checkpoint")
    BertEncoder.from_pretrained(tiny_pair).save_pretrained(directory)
    shutil.copy(tiny_pair / "encoder" / "assets" / "vocab.txt", directory)
    return directory


@pytest.mark.parametrize(
    ("model", "options", "trained"),
    [
        ("fine-tuned-bert", ["--validation-split", 0.2], "all"),
        ("hf-bert", [], "head"),
        ("hf-bert", ["--fine-tune", "--mixed-precision", "bfloat16"], "all"),
    ],
)
def test_bert_leaves_a_model_that_needs_no_trust(
    news_directory, hugging_face_directory, tmp_path, run, model, options, trained
):
    command = ["train", model, "--data", news_directory, "--encoder", hugging_face_directory]
    try:
        code, out, err = run(*command, *options, "--epochs", 1, "--output", tmp_path)
    finally:
        keras.config.set_dtype_policy("float32")
    assert code == 0, err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["arguments"]["model"] == model
    assert metrics["trainable_weights"] == (36 if trained == "head" else metrics["weights"])
    assert f"Test accuracy {metrics['test']['accuracy']:.4f}" in out
    code, out, _ = run("evaluate", tmp_path, "--data", news_directory)
    assert code == 0
    assert f"Test accuracy {metrics['test']['accuracy']:.4f}" in out
    code, out, _ = run("predict", tmp_path, *TEXTS)
    assert code == 0
    assert len(out.splitlines()) == len(TEXTS)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        ("frozen-bert", "tfhub.dev"),
        ("hf-bert", "bert-base-uncased"),
        pytest.param("fine-tuned-bert", "tfhub.dev", marks=pytest.mark.slow),
    ],
)
def test_offline_the_package_has_a_bert(news_directory, tmp_path, offline, run, model, published):
    command = ["train", model, "--epochs", 1, "--data", news_directory, "--output", tmp_path]
    code, out, err = run(*command)
    assert code == 0, err
    first, second = out.splitlines()[:2]
    assert first.startswith("Encoder: news-small-bert")
    assert published in first
    assert second.startswith("Data:")
    assert "Test accuracy" in out


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--warmup", "1"),
        ("--weight-decay", "-1"),
        ("--weight-decay", "much"),
        ("--validation-split", "1"),
        ("--head-epochs", "-1"),
        ("--mixed-precision", "int8"),
        ("--epochs", "0"),
    ],
)
def test_wrong_fine_tuning_option(refused, option, value):
    for model in ("fine-tuned-bert", "hf-bert"):
        assert option in refused("train", model, f"{option}={value}")


# --- compare ---------------------------------------------------------------------------------


def test_compare_prints_a_table_and_where_the_rest_is(news_directory, tmp_path, run, monkeypatch):
    calls = {}

    def compare(news, directory, **options):
        calls.update(options, rows=len(news.train_texts))
        measured = {"trainable_weights": 1234, "seconds": 9.6, "accuracy": 0.875}
        interval = {"accuracy_interval": (0.8, 0.95)}
        return [
            {"model": "bag-of-words", "lesson_accuracy": None} | measured | interval,
            {"model": "from-scratch", "lesson_accuracy": 0.9124} | measured | interval,
        ]

    monkeypatch.setattr("keras_transformers.training.compare", compare)
    options = ["--data", news_directory, "--output", tmp_path, "--rows", 50, "--encoder", "there"]
    code, out, err = run("compare", *options)
    assert code == 0, err
    assert "50 of 200 training texts drawn with seed 0" in out
    expected = ["1,234", "10", "0.8750", "(0.800", "to", "0.950)"]
    rows = [line.split() for line in out.splitlines()]
    assert ["bag-of-words", *expected] in rows
    assert ["from-scratch", *expected, "0.9124"] in rows
    assert max(map(len, out.split("\nmodel ")[1].split("\n\n")[0].splitlines())) <= 80
    assert str(tmp_path / "comparison.md") in out
    assert str(tmp_path / "comparison.png") in out
    assert calls["verbose"] == "line"
    models = {str(cli.parse(words).model) for words in printed_commands(out)}
    assert models == {str(tmp_path / "fine-tuned-bert")}
    assert calls["rows"] == 50
    assert calls["encoder"] == "there"


@pytest.mark.parametrize(("option", "value"), [("--rows", "0"), ("--seed", "-1")])
def test_wrong_compare_option(refused, option, value):
    assert option in refused("compare", f"{option}={value}")


def test_compare_with_an_encoder_that_is_not_there(refused, news_directory, tmp_path):
    options = ["--data", news_directory, "--output", tmp_path, "--encoder", tmp_path / "nowhere"]
    assert "nowhere" in refused("compare", *options)
