"""A run's directory: new, resumed, or refused."""

import gc
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.training.run_directory import RunDirectory

ARGUMENTS = {"model": "from-scratch", "epochs": 2, "rate": 0.1, "jit": False, "data": "π news"}


def begin(directory, arguments, resume):
    return RunDirectory(directory, arguments, resume).checkpoint


def test_new_run(tmp_path):
    checkpoint = begin(tmp_path / "runs" / "first", ARGUMENTS, resume=False)
    assert checkpoint.is_dir()
    assert checkpoint.is_relative_to(tmp_path / "runs" / "first")
    assert {path.name for path in checkpoint.iterdir()} == {"arguments.json", "process"}
    assert json.loads((checkpoint / "arguments.json").read_text()) == ARGUMENTS


def test_resume_keeps_what_is_there(tmp_path):
    checkpoint = begin(tmp_path, ARGUMENTS, resume=False)
    (checkpoint / "model.keras").write_text("weights")
    assert begin(tmp_path, dict(ARGUMENTS), resume=True) == checkpoint
    assert (checkpoint / "model.keras").read_text() == "weights"


def test_without_resume_a_run_begins_anew(tmp_path):
    checkpoint = begin(tmp_path, ARGUMENTS, resume=False)
    (checkpoint / "model.keras").write_text("weights")
    (tmp_path / "notes.txt").write_text("mine")
    begin(tmp_path, ARGUMENTS | {"epochs": 5}, resume=False)
    assert not (checkpoint / "model.keras").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    begin(tmp_path, ARGUMENTS | {"epochs": 5}, resume=True)


def test_resume_with_nothing_to_take_up(tmp_path):
    checkpoint = begin(tmp_path / "new", ARGUMENTS, resume=True)
    assert json.loads((checkpoint / "arguments.json").read_text()) == ARGUMENTS


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (ARGUMENTS | {"epochs": 3}, ["epochs was 2 and is 3"]),
        (ARGUMENTS | {"rate": 0.2, "jit": True}, ["rate was 0.1 and is 0.2", "jit was False"]),
        (ARGUMENTS | {"seed": 1}, ["seed was None and is 1"]),
        ({k: v for k, v in ARGUMENTS.items() if k != "jit"}, ["jit was False and is None"]),
    ],
)
def test_resume_with_other_arguments_is_refused(tmp_path, now, expected):
    checkpoint = begin(tmp_path, ARGUMENTS, resume=False)
    (checkpoint / "model.keras").write_text("weights")
    with pytest.raises(ValueError, match="arguments it began with") as caught:
        begin(tmp_path, now, resume=True)
    message = str(caught.value)
    assert message.startswith(str(tmp_path))
    assert all(part in message for part in expected)
    assert message.count(" was ") == len(expected)
    assert (checkpoint / "model.keras").read_text() == "weights"
    assert begin(tmp_path, ARGUMENTS, resume=True) == checkpoint


def test_resume_with_a_damaged_record_is_refused(tmp_path):
    checkpoint = begin(tmp_path, ARGUMENTS, resume=False)
    record = checkpoint / "arguments.json"
    record.write_text("{")
    with pytest.raises(ValueError, match=f"{record}, line 1: expected JSON"):
        begin(tmp_path, ARGUMENTS, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_directory_that_cannot_be_made(tmp_path, resume):
    (tmp_path / "file").write_text("mine")
    for directory in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="file"):
            begin(directory, ARGUMENTS, resume)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_finished_run_leaves_its_directory_to_others(tmp_path):
    run = RunDirectory(tmp_path, ARGUMENTS, resume=False)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = tf.data.Dataset.from_tensors((np.ones((2, 1)), np.ones((2, 1))))
    history = run.fit(model, lambda epoch: batches, epochs=1, verbose=0)
    run.finish(model, history, data={}, test={}, figures={})
    code = (
        "import sys\n"
        "from keras_transformers.training.run_directory import RunDirectory\n"
        "RunDirectory(sys.argv[1], {}, resume=False)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True)


def test_a_run_that_is_given_up_leaves_the_next_its_lock(tmp_path):
    first = RunDirectory(tmp_path, ARGUMENTS, resume=False)
    second = RunDirectory(tmp_path, ARGUMENTS, resume=False)
    del first
    gc.collect()
    code = (
        "import sys\n"
        "from keras_transformers.training.run_directory import RunDirectory\n"
        "RunDirectory(sys.argv[1], {}, resume=False)\n"
    )
    other = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert "is training into this directory" in other.stderr
    assert second.checkpoint.is_dir()
