"""Progress in a terminal and in a log, by a clock of the tests' own."""

import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.training import fit, progress
from keras_transformers.training.progress import SECONDS_BETWEEN_LINES, Progress, training_line


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def terminal(capsys, monkeypatch):
    # Of the class, for pytest has another standard output in the test itself.
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True)
    monkeypatch.setenv("COLUMNS", "80")


def train(clock, seconds, *, epochs=22, steps=7, validation=False, stopped=False):
    """Calls what Keras calls in a training of which each step takes so many seconds."""
    with training_line("from-scratch", "line") as shown:
        [callback] = shown["callbacks"]
        callback.set_params({"epochs": epochs, "steps": steps})
        for epoch in range(epochs):
            callback.on_epoch_begin(epoch)
            logs = {"accuracy": 0.98765, "loss": 0.123456}
            for step in range(steps):
                clock.now += seconds
                callback.on_train_batch_end(step, logs)
            if stopped:
                raise KeyboardInterrupt
            callback.on_epoch_end(epoch, logs | ({"val_accuracy": 0.5} if validation else {}))


def test_a_log_gets_a_line_every_few_seconds_and_one_in_the_end(clock, capsys):
    train(clock, seconds=1)
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert len(lines) == 154 // SECONDS_BETWEEN_LINES + 1
    assert lines[0] == "from-scratch 5/154 [00:05<02:29, loss=0.123, accuracy=0.988]"
    assert lines[-1] == "from-scratch 154/154 [02:34<00:00, loss=0.123, accuracy=0.988]"
    assert "\r" not in out
    assert out.endswith("\n")


def test_a_short_training_is_one_line_of_a_log(clock, capsys):
    train(clock, seconds=0.01, validation=True)
    line = "from-scratch 154/154 [00:01<00:00, accuracy=0.988, val_accuracy=0.5]\n"
    assert capsys.readouterr().out == line


def test_a_terminal_has_one_line_that_is_written_over(clock, terminal, capsys):
    train(clock, seconds=1, validation=True)
    out = capsys.readouterr().out
    assert out.startswith("\rfrom-scratch 0/154 |")
    assert out.count("\n") == 1
    looks = out.removesuffix("\n").split("\r")[1:]
    assert {len(look) for look in looks} == {79}  # so that nothing of the one before is left
    assert looks[-1].startswith("from-scratch 154/154 |█")
    assert looks[-1].endswith("| 02:34<00:00, accuracy=0.988, val_accuracy=0.5")


def test_a_terminal_that_is_looked_at_too_often_is_left_alone(clock, terminal, capsys):
    train(clock, seconds=0.001)
    assert 2 <= capsys.readouterr().out.count("\r") <= 4


def test_figures_are_read_only_where_they_are_shown(clock, capsys):
    class Tensor:
        read = 0

        def __float__(self):
            Tensor.read += 1
            return 0.5

    bar = Progress("name", 1000)
    for done in range(1000):
        clock.now += 0.01
        bar.show(done + 1, {"loss": Tensor()})
    bar.close()
    lines = capsys.readouterr().out.splitlines()
    assert Tensor.read == len(lines) == len(set(lines)) == 2


def test_a_training_that_is_stopped_leaves_its_line_complete(clock, terminal, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(clock, seconds=0.01, epochs=1, stopped=True)
    assert capsys.readouterr().out.endswith(", loss=0.123, accuracy=0.988\n")


def test_a_training_that_is_stopped_before_it_begins_says_nothing(capsys):
    with pytest.raises(KeyboardInterrupt), training_line("name", "line"):
        raise KeyboardInterrupt
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("verbose", ["auto", 0, 1, 2])
def test_what_else_verbose_may_be_is_for_keras(verbose):
    with training_line("name", verbose) as shown:
        assert shown == {"callbacks": [], "verbose": verbose}


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_training_that_goes_on_begins_where_it_was(
    at_once, terminal, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LOOKS", 0)
    rows = np.ones((8, 2), "float32"), np.ones(8, "int32")
    batches = tf.data.Dataset.from_tensor_slices(rows).batch(2)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    model.name = "small"
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=at_once,
    )
    options = {"directory": tmp_path, "verbose": "line", "validation": batches}
    fit(model, lambda epoch: batches, epochs=1, name="run", **options)
    out = capsys.readouterr().out
    assert out.startswith("\rrun 0/4 ")
    assert "\rrun 4/4 " in out
    fit(model, lambda epoch: batches, epochs=3, resume=True, **options)
    out = capsys.readouterr().out
    assert out.startswith("\rsmall 4/12 ")
    counts = [int(look.split()[1].split("/")[0]) for look in out.split("\r")[1:]]
    assert counts == sorted(counts)
    assert "\rsmall 12/12 " in out
    assert "val_accuracy=" in out
    assert out.count("\n") == 1
    fit(model, lambda epoch: batches, epochs=3, resume=True, **options)
    assert capsys.readouterr().out == ""
