"""A training on several devices and processes is the training on one, whatever they are."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_transformers.cli import main
from keras_transformers.distribution import join_processes
from keras_transformers.distribution.place import place

SCRIPT = Path(__file__).parents[1] / "support" / "spread_training.py"
BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "distribution.py"
TIMEOUT = 300


def free_address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def start(directory, distribute, *, devices=1, processes=1, epochs=2, backend="jax"):
    """Starts all processes of a training on so many virtual devices in all."""
    directory.mkdir(exist_ok=True)
    address = free_address()
    running = []
    for number in range(processes):
        env = os.environ | {
            "KERAS_BACKEND": backend,
            "LOGICAL_CPUS": str(devices),
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices // processes}",
        }
        if processes > 1:
            env |= {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
            }
        command = [sys.executable, str(SCRIPT), str(directory), distribute, str(epochs)]
        running.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
    return running


def train(directory, distribute, **options):
    """Runs a training to its end; returns what each process ended with."""
    running = start(directory, distribute, **options)
    for process in running:
        _, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
    return [dict(np.load(path)) for path in sorted(directory.glob("weights-*.npz"))]


def assert_equal(ends, expected):
    for end in ends:
        assert end.keys() == expected.keys()
        for name, values in end.items():
            np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def on_one_device(tmp_path_factory):
    [end] = train(tmp_path_factory.mktemp("one") / "run", "none")
    return end


@pytest.fixture(scope="module")
def on_one_device_of_tensorflow(tmp_path_factory):
    [end] = train(tmp_path_factory.mktemp("one") / "run", "none", backend="tensorflow")
    return end


@pytest.mark.slow
def test_two_devices_of_tensorflow_train_as_one_does(on_one_device_of_tensorflow, tmp_path):
    ends = train(tmp_path / "run", "data", devices=2, backend="tensorflow")
    assert_equal(ends, on_one_device_of_tensorflow)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 8])
def test_devices_of_tensorflow_train_as_one_does(on_one_device_of_tensorflow, tmp_path, devices):
    ends = train(tmp_path / "run", "data", devices=devices, backend="tensorflow")
    assert_equal(ends, on_one_device_of_tensorflow)


@pytest.mark.slow
def test_a_run_that_was_killed_is_resumed_on_other_devices_of_tensorflow(tmp_path):
    options = {"epochs": 12, "backend": "tensorflow"}
    [expected] = train(tmp_path / "whole", "none", **options)
    [running] = start(tmp_path / "killed", "data", devices=8, **options)
    while not (tmp_path / "killed" / "state" / "state.npz").is_file():
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.communicate()
    assert not (tmp_path / "killed" / "weights-0.npz").exists()
    assert_equal(train(tmp_path / "killed", "data", devices=2, **options), expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "training", ["from-scratch", "hf-bert", "hf-bert --fine-tune", "translator", "pretrain"]
)
def test_every_training_on_devices_of_tensorflow_ends_as_on_one(tmp_path, training):
    ends = []
    for distribute, devices in [("none", 1), ("data", 2), ("data", 8)]:
        env = os.environ | {"KERAS_BACKEND": "tensorflow", "LOGICAL_CPUS": str(devices)}
        output = tmp_path / str(devices)
        command = [sys.executable, str(BENCHMARK), training, str(output), distribute]
        subprocess.run(command, env=env, check=True, timeout=TIMEOUT)
        ends.append(dict(np.load(tmp_path / f"{devices}.npz")))
    assert_equal(ends[1:], ends[0])


def test_two_processes_train_as_one_device_does(on_one_device, tmp_path):
    ends = train(tmp_path / "run", "data", devices=2, processes=2)
    assert len(ends) == 2
    assert_equal(ends, on_one_device)
    assert [path.name for path in (tmp_path / "run").rglob("*.npz")].count("state.npz") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("distribute", "devices", "processes"),
    [("data", 2, 1), ("data", 8, 1), ("model", 2, 1), ("model", 8, 1), ("model", 4, 2)],
)
def test_devices_train_as_one_does(on_one_device, tmp_path, distribute, devices, processes):
    ends = train(tmp_path / "run", distribute, devices=devices, processes=processes)
    assert_equal(ends, on_one_device)


@pytest.mark.slow
def test_a_run_is_resumed_on_other_devices(on_one_device, tmp_path):
    train(tmp_path / "run", "data", devices=8, epochs=1)
    ends = train(tmp_path / "run", "data", devices=2, processes=2)
    assert_equal(ends, on_one_device)


def command(output, *options):
    """A training at the command line that takes some seconds once it has begun."""
    sizes = ["--epochs", 40, "--maxlen", 4, "--vocab-size", 200, "--embed-dim", 8, "--ff-dim", 8]
    return ["train", "from-scratch", "--data", "sample", "--output", output, *sizes, *options]


def start_commands(output, *options):
    address = free_address()
    words = command(output, "--backend", "jax", "--distribute", "data", *options)
    return [
        subprocess.Popen(
            [sys.executable, "-m", "keras_transformers", *map(str, words)],
            env=os.environ
            | {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
                "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
                "KERAS_DISTRIBUTION_PROCESS_ID": str(number),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]


def kept_weights(output):
    with np.load(output / "checkpoint" / "state.npz") as state:
        assert len(json.loads(str(state["history"]))) == 40
        return {name: state[name] for name in state.files if name != "history"}


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_when_a_process_dies_the_other_ends_and_both_can_be_resumed(tmp_path, victim):
    for process in start_commands(tmp_path / "whole"):
        assert process.wait(TIMEOUT) == 0, process.stderr.read()
    killed = start_commands(tmp_path / "killed")
    while not (tmp_path / "killed" / "checkpoint" / "state.npz").is_file():
        assert all(process.poll() is None for process in killed)
        time.sleep(0.1)
    killed[victim].kill()
    killed[victim].wait()
    _, errors = killed[1 - victim].communicate(timeout=60)
    assert killed[1 - victim].returncode != 0
    assert errors.count("\n") == 1
    assert "another process of the training is gone" in errors
    assert not (tmp_path / "killed" / "model.keras").exists()
    for process in start_commands(tmp_path / "killed", "--resume"):
        assert process.wait(TIMEOUT) == 0, process.stderr.read()
    expected = kept_weights(tmp_path / "whole")
    for name, values in kept_weights(tmp_path / "killed").items():
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "environment", "found"),
    [
        (["model"], {}, "distribute='model', one process, the backend 'tensorflow'"),
        (["data"], {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"}, "distribute='data', several"),
        (["data", "--jit"], {}, "jit=True, distribute='data'"),
    ],
    ids=["model", "processes", "jit"],
)
def test_what_tensorflow_cannot_spread_is_refused(
    capsys, monkeypatch, tmp_path, options, environment, found
):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main([str(word) for word in command(tmp_path, "--distribute", *options)]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert found in errors
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("distribute", ["model", "everything"])
def test_fit_refuses_what_tensorflow_cannot_spread(distribute):
    with pytest.raises(ValueError, match=r"`distribute` must be|needs JAX"):
        place(keras.Sequential(), distribute)


def test_tensorflow_joins_no_processes(monkeypatch):
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(ValueError, match="several processes, needs JAX: --backend jax"):
        join_processes()


@pytest.mark.parametrize(
    ("addresses", "count", "found"),
    [
        (None, "two", "None, 'two', None"),
        ("first.machine:12345", "two", "'first.machine:12345', 'two', None"),
        (None, "2", "None, '2', '0'"),
        ("first.machine", "2", "'first.machine', '2', '0'"),
        ("first.machine:port,second.machine:12345", "2", "'first.machine:port,second"),
    ],
)
def test_half_an_environment_is_refused(monkeypatch, addresses, count, found):
    number = "0" if count == "2" else None
    names = ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
    for name, value in zip(names, (addresses, count, number), strict=True):
        if value is not None:
            monkeypatch.setenv(f"KERAS_DISTRIBUTION_{name}", value)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match=f"KERAS_DISTRIBUTION_JOB_ADDRESSES.*{found}"):
        join_processes()
