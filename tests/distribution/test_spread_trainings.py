"""A training on several devices and processes is the training on one, whatever they are."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "support" / "spread_training.py"
TIMEOUT = 300


def start(directory, distribute, *, devices=1, processes=1, epochs=2):
    """Starts all processes of a training on so many virtual devices in all."""
    directory.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    running = []
    for number in range(processes):
        env = os.environ | {
            "KERAS_BACKEND": "jax",
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
