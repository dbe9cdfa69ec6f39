"""Processes, perhaps on several machines, that share a training."""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

ADDRESSES = "KERAS_DISTRIBUTION_JOB_ADDRESSES"
COUNT = "KERAS_DISTRIBUTION_NUM_PROCESSES"
NUMBER = "KERAS_DISTRIBUTION_PROCESS_ID"
# So many seconds the processes wait for each other at the start.
TIME_TO_COME = 300
# After so many seconds without a sign of life a process counts as dead.
PATIENCE = 30


def join_processes() -> None:
    """Joins this process to the others that the environment names, if it names any.

    The names are Keras': `KERAS_DISTRIBUTION_JOB_ADDRESSES`, the `host:port` of the first process
    or of all, separated by commas; `KERAS_DISTRIBUTION_NUM_PROCESSES`;
    `KERAS_DISTRIBUTION_PROCESS_ID`, from 0. Called before anything is computed.

    Raises:
        ValueError: if only some of them are there or one is of another form, the other processes
            are not to be had, or Keras' backend is not JAX.
    """
    if not are_named():
        return
    check_distribute("data")
    import jax

    values = [os.environ.get(name) for name in (ADDRESSES, COUNT, NUMBER)]
    try:
        count, number = int(values[1]), int(values[2])
        first = (values[0] or "").split(",")[0]
        _, port = first.rsplit(":", 1)
        int(port)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the environment must have {ADDRESSES} as host:port, {COUNT} and {NUMBER} as "
            f"numbers. Received: {', '.join(map(repr, values))}"
        ) from error
    # The other ways of CPUs to talk to each other are of one process.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        # Not Keras' function, which has no say in how soon a dead process is missed.
        jax.distributed.initialize(
            first,
            count,
            number,
            initialization_timeout=TIME_TO_COME,
            heartbeat_timeout_seconds=PATIENCE,
        )
    except RuntimeError as error:
        raise ValueError(
            f"process {number} of {count} could not join at {first}: {error}"
        ) from error


def are_named() -> bool:
    """Whether the environment names several processes, see `join_processes`."""
    return any(os.environ.get(name) for name in (ADDRESSES, COUNT, NUMBER))


def check_distribute(distribute: str | None, *, jit: bool = False) -> None:
    """Refuses to spread a training in a way that Keras' backend cannot.

    Args:
        distribute: None, or how.
        jit: bool, whether it is to be compiled with XLA.

    Raises:
        ValueError: if `distribute` is neither `"data"` nor `"model"`; or if the backend is not JAX,
            unless it is TensorFlow and this is `"data"` in one process without `jit`.
    """
    if distribute not in (None, "data", "model"):
        raise ValueError(
            f"`distribute` must be 'data' or 'model'. Received: distribute={distribute!r}"
        )
    backend = keras.backend.backend()
    if distribute is None or backend == "jax":
        return
    if distribute == "model" or are_named() or backend != "tensorflow":
        raise ValueError(
            "TensorFlow spreads a training by distribute='data' over the devices of one machine; "
            "dividing the weights, or several processes, needs JAX: --backend jax, or "
            f"KERAS_BACKEND=jax in the environment. Received: distribute={distribute!r}, "
            f"{'several processes' if are_named() else 'one process'}, the backend {backend!r}"
        )
    if jit:
        raise ValueError(
            "`jit` must be off where TensorFlow spreads a training: what XLA compiles runs on one "
            f"device. Received: jit={jit!r}, distribute={distribute!r}"
        )


def announce_end(words: str) -> None:
    """Lets somebody else say something when this process ends before its time.

    When the first process is gone JAX ends the others at once, and Python has no say in it.
    """
    code = f"import sys; sys.stdin.read() or print({words!r}, file=sys.stderr)"
    somebody = subprocess.Popen([sys.executable, "-S", "-c", code], stdin=subprocess.PIPE)
    atexit.register(somebody.communicate, b"all is well")


def is_one_of_several() -> bool:
    """Whether other processes share the training of this one."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    return jax.process_count() > 1


def is_first_process() -> bool:
    """Whether this is the process that writes and prints."""
    if keras.backend.backend() != "jax":
        return True
    import jax

    return jax.process_index() == 0


def from_first_process(values: list) -> list:
    """Returns the arrays that the first process has; the others' are of the same shapes."""
    if keras.backend.backend() != "jax":
        return values
    from jax.experimental import multihost_utils

    return [np.asarray(value) for value in multihost_utils.broadcast_one_to_all(values)]


def in_first_process(compute: Callable[[], Any]) -> Any:
    """Returns in all processes what the first alone computes, which JSON must be able to hold."""
    if not is_one_of_several():
        return compute()
    found = json.dumps(compute() if is_first_process() else None).encode()
    [size] = from_first_process([np.array(len(found))])
    [found] = from_first_process([np.resize(np.frombuffer(found, "uint8"), int(size))])
    return json.loads(found.tobytes())
