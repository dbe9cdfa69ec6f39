"""A second training in the same place, a full disk, a package that is not installed."""

import errno
import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError

import keras_transformers
from keras_transformers.models import BertEncoder
from keras_transformers.training.fit import STATE_FILE
from keras_transformers.training.run_directory import RunDirectory

SIZES = ["--vocab-size", "100", "--maxlen", "20", "--embed-dim", "8", "--ff-dim", "8"]
TRAIN = ["train", "from-scratch", "--epochs", "3", *SIZES]


BEGIN = (
    "import sys, time\n"
    "from keras_transformers.training.run_directory import RunDirectory\n"
    "print('ready', flush=True), sys.stdin.readline()\n"
    "run = RunDirectory(sys.argv[1], {'seed': 0}, resume=False)\n"
    "print('training', flush=True), time.sleep(600)\n"
)


@pytest.fixture
def start():
    """Starts a process that trains into a directory once it is told to."""
    begun = []

    def start(directory):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-c", BEGIN, directory]
        begun.append(subprocess.Popen(command, text=True, **pipes))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def tell(process):
    process.stdin.write("begin\n")
    process.stdin.flush()


@pytest.fixture
def quick(monkeypatch):
    """Tracing the usual number of steps takes longer than these trainings."""
    module = importlib.import_module("keras_transformers.training.train_from_scratch")
    monkeypatch.setattr(module, "STEPS_PER_EXECUTION", 2)


def test_a_second_training_is_told_who_is_there(tmp_path, start):
    other = start(tmp_path)
    assert other.stdout.readline() == "ready\n"
    tell(other)
    assert other.stdout.readline() == "training\n"
    for resume in (False, True):
        with pytest.raises(ValueError, match=rf"another process \({other.pid} on .*is training"):
            RunDirectory(tmp_path, {"seed": 0}, resume=resume)
    other.kill()
    other.wait()
    RunDirectory(tmp_path, {"seed": 0}, resume=True)
    assert (tmp_path / "checkpoint" / "process").read_text().startswith(f"{os.getpid()} on ")


def test_of_two_that_begin_at_once_one_goes_on(tmp_path, start):
    both = [start(tmp_path) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        tell(process)
    assert sorted(process.stdout.readline() for process in both) == ["", "training\n"]


def test_in_one_process_a_run_may_begin_again(tmp_path):
    RunDirectory(tmp_path, {}, resume=False)
    RunDirectory(tmp_path, {}, resume=True)


def test_a_full_disk_is_one_line_and_what_was_there_resumes(
    news_directory, tmp_path, run, quick, monkeypatch
):
    data = ["--data", news_directory]
    assert run(*TRAIN, *data, "--output", tmp_path / "whole")[0] == 0
    savez, written = np.savez, []

    def full_after_one(path, *arrays, **named):
        written.append(path)
        if len(written) > 1:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        savez(path, *arrays, **named)

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full_after_one)
        code, _, err = run(*TRAIN, *data, "--output", tmp_path / "run")
    assert code == 2
    assert err.count("\n") == 1
    assert f"{STATE_FILE}: could not be written: [Errno 28] No space left on device" in err
    checkpoint = tmp_path / "run" / "checkpoint"
    assert {path.name for path in checkpoint.iterdir()} == {
        STATE_FILE,
        "arguments.json",
        "process",
    }
    code, _, err = run(*TRAIN, *data, "--output", tmp_path / "run", "--resume")
    assert code == 0, err
    states = [np.load(tmp_path / name / "checkpoint" / STATE_FILE) for name in ("whole", "run")]
    for name in states[0].files:
        if name != "history":
            np.testing.assert_array_equal(states[0][name], states[1][name])


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs root on Linux, to mount a disk that is small")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full(news_directory, tmp_path, run, quick, small_disk):
    data = ["--data", news_directory]
    assert run(*TRAIN, *data, "--output", tmp_path / "whole")[0] == 0
    code, _, err = run(*TRAIN, *data, "--output", small_disk / "run")
    assert code == 2
    assert err.count("\n") == 1
    assert "No space left on device" in err
    subprocess.run(["mount", "-o", "remount,size=9m", small_disk], check=True)
    code, _, err = run(*TRAIN, *data, "--output", small_disk / "run", "--resume")
    assert code == 0, err
    for directory in (tmp_path / "whole", small_disk / "run"):
        assert not list(directory.rglob(".unfinished-*"))
    states = [
        np.load(directory / "checkpoint" / STATE_FILE)
        for directory in (tmp_path / "whole", small_disk / "run")
    ]
    for name in set(states[0].files) - {"history"}:
        np.testing.assert_array_equal(states[0][name], states[1][name])


@pytest.mark.slow
def test_a_package_that_is_not_installed_trains_to_the_end(news_directory, tmp_path):
    package = Path(keras_transformers.__file__).parent
    shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    # -S would leave out everything; what is hidden is the record of the installation alone.
    code = (
        "import importlib.metadata as metadata, sys\n"
        "version = metadata.version\n"
        "def hide(name):\n"
        "    if name.startswith('keras_tr'):\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return version(name)\n"
        "metadata.version = hide\n"
        "from keras_transformers.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, *TRAIN, "--data", news_directory, "--output", "run"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["versions"]["keras_transformers"] == keras_transformers.__version__


def test_a_full_disk_while_an_encoder_is_written(monkeypatch, tmp_path):
    def full(*_, **__):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(OSError, match="could not be written: I/O error: No space left"):
        BertEncoder(8, 1, 8, 2, 8, 4).save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
