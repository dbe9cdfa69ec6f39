"""A whole training: what it leaves behind, killed and taken up again, and what it learns."""

import importlib
import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.data import real_data

import keras_transformers
from keras_transformers.cli import main
from keras_transformers.data import load_news
from keras_transformers.training import train_from_scratch

RESULTS = ["confusion_matrix.png", "metrics.json", "model.keras", "training.png"]
KEPT = ["arguments.json", "state.npz"]
# 13 steps an epoch.
OPTIONS = {
    "epochs": 2,
    "batch_size": 16,
    "seed": 3,
    "vocab_size": 300,
    "maxlen": 40,
    "embed_dim": 8,
    "ff_dim": 8,
}


@pytest.fixture(scope="module", autouse=True)
def few_steps_per_execution():
    """Tracing the usual number takes longer than these trainings."""
    module = importlib.import_module("keras_transformers.training.train_from_scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEPS_PER_EXECUTION", 2)
        yield


@pytest.fixture(scope="module")
def news(news_directory):
    return load_news(news_directory)


@pytest.fixture(scope="module")
def run(news, tmp_path_factory):
    """The directory, model and metrics of a training that nothing interrupted."""
    directory = tmp_path_factory.mktemp("runs") / "whole"
    return directory, *train_from_scratch(news, directory, verbose=0, **OPTIONS)


def weights_of(model):
    return np.concatenate([np.ravel(w) for w in model.get_weights()])


def files_in(directory):
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def bytes_in(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_leaves_its_results_and_nothing_else(run):
    directory = run[0]
    assert files_in(directory) == RESULTS
    assert not [name for name in files_in(directory / "checkpoint") if name.startswith(".")]
    for name in ("training.png", "confusion_matrix.png"):
        assert (directory / name).read_bytes().startswith(b"\x89PNG\r\n")


def test_metrics(run, news):
    directory, model, metrics = run
    assert json.loads((directory / "metrics.json").read_text()) == metrics
    assert metrics["data"] == {
        "source": news.source,
        "train_rows": 200,
        "test_rows": 40,
        "classes": ["World", "Sports", "Business", "Sci/Tech"],
    }
    assert OPTIONS.items() <= metrics["arguments"].items()
    assert metrics["weights"] == sum(w.size for w in model.get_weights())
    assert metrics["trainable_weights"] == metrics["weights"]
    assert metrics["seconds"] > sum(epoch["seconds"] for epoch in metrics["epochs"]) > 0
    kept = {"loss", "accuracy", "seconds", "step_ms"}
    assert [set(epoch) for epoch in metrics["epochs"]] == [kept] * 2
    assert metrics["versions"] == {
        "keras_transformers": keras_transformers.__version__,
        "keras": keras.__version__,
        "tensorflow": __import__("tensorflow").__version__,
    }
    probabilities = model.predict_texts(news.test_texts)
    hits = probabilities.argmax(axis=-1) == news.test_labels
    assert metrics["test"]["rows"] == 40
    assert metrics["test"]["accuracy"] == pytest.approx(hits.mean())
    truth = probabilities[np.arange(40), news.test_labels]
    assert metrics["test"]["loss"] == pytest.approx(-np.log(truth).mean(), rel=1e-5)


def test_the_files_model_is_the_trained_one(run, news):
    directory, model, _ = run
    saved = keras.saving.load_model(directory / "model.keras")
    assert saved.class_names == news.class_names
    np.testing.assert_allclose(
        saved.predict_texts(news.test_texts), model.predict_texts(news.test_texts), atol=1e-6
    )


def test_the_vocabulary_is_that_of_the_training_texts(run, news):
    vocabulary = run[1].tokenizer.vocabulary
    assert len(vocabulary) == 300
    words = set(" ".join(news.train_texts).lower().split())
    assert sum(word in words for word in vocabulary) > 250


def test_resume_of_a_finished_run_changes_nothing(run, news):
    directory, model, metrics = run
    again, repeated = train_from_scratch(news, directory, resume=True, verbose=0, **OPTIONS)
    np.testing.assert_array_equal(weights_of(again), weights_of(model))
    assert repeated["epochs"] == metrics["epochs"]
    assert repeated["test"] == metrics["test"]
    assert files_in(directory) == RESULTS


def test_seconds_of_a_resumed_run_count_the_epochs_before(run, news):
    _, metrics = train_from_scratch(news, run[0], resume=True, verbose=0, **OPTIONS)
    assert metrics["seconds"] > sum(epoch["seconds"] for epoch in metrics["epochs"])


def test_resume_with_other_arguments_is_refused(run, news):
    directory = run[0]
    before = (directory / "checkpoint" / "state.npz").read_bytes()
    for name, value in (("epochs", 3), ("seed", 4), ("embed_dim", 4)):
        with pytest.raises(ValueError, match=f"{name} was {OPTIONS[name]} and is {value}"):
            train_from_scratch(news, directory, resume=True, **(OPTIONS | {name: value}))
    with pytest.raises(ValueError, match="data was"):
        train_from_scratch(load_news("sample"), directory, resume=True, **OPTIONS)
    assert (directory / "checkpoint" / "state.npz").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value"), [("epochs", 0), ("batch_size", 0), ("vocab_size", -1), ("rate", 1.0)]
)
def test_wrong_arguments(news, tmp_path, name, value):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}={value}"):
        train_from_scratch(news, tmp_path / "run", verbose=0, **(OPTIONS | {name: value}))


# --- killed ----------------------------------------------------------------------------------

KILLED_WHILE_TRAINING = """
fit = keras.Model.fit

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

def fit_and_be_killed(self, *args, callbacks=(), **options):
    return fit(self, *args, callbacks=[*callbacks, Kill()], **options)

keras.Model.fit = fit_and_be_killed
"""

KILLED_WHILE_SAVING = """
replace = os.replace

def replace_and_be_killed(source, target):
    if str(target).endswith((".keras", ".h5")):
        os.truncate(source, 1000)
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)

os.replace = replace_and_be_killed
"""

COMMAND = """
import importlib, os, signal, sys
import keras
from keras_transformers.cli import main
importlib.import_module("keras_transformers.training.train_from_scratch").STEPS_PER_EXECUTION = 2
{}
main(sys.argv[1:])
"""


def command_line(news, output, **options):
    options = {"data": news.source, "output": output, **OPTIONS, **options}
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items())
    return ["train", "from-scratch", *(word for pair in pairs for word in pair)]


@pytest.fixture(scope="module")
def resumed(news, tmp_path_factory):
    """The directory of a training killed in its second epoch, taken up, killed again, finished."""
    directory = tmp_path_factory.mktemp("runs") / "killed"
    arguments = command_line(news, directory)
    for code in (KILLED_WHILE_TRAINING, KILLED_WHILE_SAVING):
        process = subprocess.run(
            [sys.executable, "-c", COMMAND.format(code), *arguments, "--resume"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == -signal.SIGKILL, process.stderr
        assert not (directory / "metrics.json").exists()
    assert main([*arguments, "--resume"]) == 0
    return directory


def test_killed_run_has_every_epoch_once(resumed, run):
    metrics = json.loads((resumed / "metrics.json").read_text())
    with np.load(resumed / "checkpoint" / "state.npz") as state:
        history = json.loads(str(state["history"]))
    assert len(metrics["epochs"]) == len(history) == 2
    first, _ = run[2]["epochs"]
    assert metrics["epochs"][0]["loss"] == pytest.approx(first["loss"], abs=1e-6)
    assert metrics["arguments"] == run[2]["arguments"]


def test_killed_run_ends_with_the_weights_of_one_that_was_not(resumed, run):
    model = keras.saving.load_model(resumed / "model.keras")
    np.testing.assert_allclose(weights_of(model), weights_of(run[1]), atol=1e-6)


def test_killed_run_leaves_no_temporary_files(resumed, run):
    assert files_in(resumed) == RESULTS
    assert files_in(resumed / "checkpoint") == files_in(run[0] / "checkpoint")


# --- what it learns --------------------------------------------------------------------------


@pytest.mark.slow
def test_learns_the_sample(tmp_path):
    assert main(["train", "from-scratch", "--data", "sample", "--output", str(tmp_path)]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["seconds"] < 180
    assert metrics["test"]["accuracy"] > 0.7


@pytest.mark.slow
def test_xla_learns_the_sample(tmp_path, news):
    options = OPTIONS | {"epochs": 1}
    _, plain = train_from_scratch(news, tmp_path / "plain", verbose=0, **options)
    _, jit = train_from_scratch(news, tmp_path / "jit", jit=True, verbose=0, **options)
    assert jit["epochs"][0]["loss"] == pytest.approx(plain["epochs"][0]["loss"], abs=0.05)


@pytest.mark.slow
def test_learns_ag_news(tmp_path):
    news = load_news(real_data("ag_news_csv"))
    _, metrics = train_from_scratch(news, tmp_path, epochs=1, verbose=0)
    assert metrics["weights"] == 659_592
    assert metrics["test"]["accuracy"] >= 0.908
