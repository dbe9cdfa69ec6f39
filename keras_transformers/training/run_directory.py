"""A training's directory, from its beginning to its end."""

import fcntl
import importlib
import json
import os
import shutil
import socket
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers.training.fit import fit
from keras_transformers.utils import UNFINISHED, read_json, replacing
from keras_transformers.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PROCESS_FILE = "process"


class _Lock:
    """A file that a process has locked, once for all of its runs in a directory.

    To close it a second time would end the lock of the first.
    """

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)

    def __del__(self):
        os.close(self.file)


# By their paths, as long as a run needs them.
_LOCKS = weakref.WeakValueDictionary()


class RunDirectory:
    """Holds what a run needs to be resumed, and in the end its results.

    While the run lasts, `checkpoint` in it has the arguments the run began with and the state
    after its last epoch. `save` leaves `model.keras`, `finish` `metrics.json` and pictures, each
    written to the end before it takes its name.

    Args:
        directory: where to; made if it is not there.
        arguments: dict, all that decides what the run computes.
        resume: bool, whether the run goes on from an earlier one's last finished epoch. Without,
            what an earlier run left to go on from is removed.

    Raises:
        OSError: if the directory cannot be written.
        ValueError: if another process is training into the directory, or if `resume` finds a run
            with other arguments, or a damaged record of them.
    """

    def __init__(
        self, directory: str | os.PathLike[str], arguments: dict[str, Any], resume: bool
    ) -> None:
        self.path: Path = Path(directory)
        self.checkpoint: Path = self.path / "checkpoint"
        self.arguments = arguments
        self.resume = resume
        self.started: float = time.perf_counter()
        self._claim()
        self._tidy()
        record = self.checkpoint / "arguments.json"
        if resume and record.is_file():
            self._check_same(record)
        else:
            self._clear()
            with replacing(record) as path:
                path.write_text(json.dumps(arguments))

    def _claim(self):
        """Locks the directory, in one step, for as long as there is this object or its process."""
        self.checkpoint.mkdir(parents=True, exist_ok=True)
        holder = self.checkpoint / PROCESS_FILE
        self._lock = _LOCKS.get(holder.resolve()) or _Lock(holder)
        _LOCKS[holder.resolve()] = self._lock
        try:
            fcntl.lockf(self._lock.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise ValueError(
                f"{self.path}: another process ({holder.read_text()}) is training into this "
                "directory; take another one"
            ) from error
        except OSError:  # A file system without locks: then nobody can tell.
            pass
        try:
            os.truncate(self._lock.file, 0)
            os.write(self._lock.file, f"{os.getpid()} on {socket.gethostname()}".encode())
        except OSError as error:
            raise OSError(f"{holder}: could not be written: {error}") from error

    def _tidy(self):
        """Removes what writing left half done where a run was killed."""
        for unfinished in list(self.path.rglob(f"{UNFINISHED}*")):
            shutil.rmtree(unfinished, ignore_errors=True)

    def _clear(self):
        """Removes what an earlier run left to go on from; a lock that is removed holds nobody."""
        for path in self.checkpoint.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != PROCESS_FILE:
                path.unlink()

    def _check_same(self, record):
        try:
            before = read_json(record)
        except ValueError as error:
            raise ValueError(f"{error}; do not resume") from error
        now = self.arguments
        changed = [
            f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
            for name in before | now
            if before.get(name) != now.get(name)
        ]
        if changed:
            raise ValueError(
                f"{self.path}: a run is resumed with the arguments it began with, but "
                + "; ".join(changed)
            )

    def fit(
        self, model: keras.Model, make_batches: Callable[[int], object], **options: Any
    ) -> list[dict[str, Any]]:
        """Trains a model by `fit` and returns the history; what went before counts as prepared."""
        self.prepared: float = time.perf_counter() - self.started
        options |= {"directory": self.checkpoint, "resume": self.resume}
        # `compare` names the directories after the models.
        name = self.arguments.get("model", self.path.resolve().name)
        return fit(model, make_batches, name=name, **options)

    def save(self, model: keras.Model) -> None:
        """Writes the trained model, for users, to `model.keras`."""
        with replacing(self.path / "model.keras") as path:
            model.save(path)

    def finish(
        self,
        model: keras.Model,
        history: list[dict[str, Any]],
        *,
        data: dict[str, Any],
        test: dict[str, Any],
        figures: dict[str, "Figure"],
        **found: Any,
    ) -> dict[str, Any]:
        """Writes the results but the model itself.

        Args:
            model: the trained model.
            history: what `fit` returned.
            data: dict, what it was trained and tested on.
            test: dict, what was measured on the test part.
            figures: pictures to save, each with the name of its file.
            **found: what else the training found out, to stand beside the arguments.

        Returns:
            What `metrics.json` holds, as a dict.
        """
        metrics = {
            "data": data,
            "arguments": self.arguments | found,
            "weights": model.count_params(),
            "trainable_weights": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
            # Of a run that was resumed, the epochs before count as well.
            "seconds": self.prepared + sum(epoch["seconds"] for epoch in history),
            "epochs": [{k: v for k, v in epoch.items() if k != "steps"} for epoch in history],
            "test": test,
            "versions": _versions(),
        }
        for name, figure in figures.items():
            with replacing(self.path / name) as path:
                figure.savefig(path)
        with replacing(self.path / "metrics.json") as path:
            path.write_text(json.dumps(metrics, indent=2) + "\n")
        self._lock = None
        return metrics


def _versions() -> dict[str, str]:
    """Returns the versions of this package, Keras and its backend.

    They are the modules' own: a distribution may have another name, as tensorflow-cpu, or be run
    from where it lies without being installed.
    """
    backend = keras.backend.backend()
    return {
        "keras_transformers": __version__,
        "keras": keras.__version__,
        backend: importlib.import_module(backend).__version__,
    }
