"""The start of a training run's directory."""

import json
import os
import shutil
from pathlib import Path

from keras_transformers.utils import replacing


def begin_run(directory: str | os.PathLike, arguments: dict, resume: bool) -> Path:
    """Makes a run's directory ready, and refuses to take up a run that was something else.

    Without `resume` what an earlier run kept to go on from is removed.

    Args:
        directory: the run's directory; made if it is not there.
        arguments: dict, all that decides what the run computes.
        resume: bool, whether the run goes on from an earlier one's last finished epoch.

    Returns:
        The directory for `fit` to keep its model in.

    Raises:
        OSError: if the directory cannot be written.
        ValueError: if `resume` finds a run with other arguments, or a damaged record of them.
    """
    kept = Path(directory) / "checkpoint"
    record = kept / "arguments.json"
    if resume and record.is_file():
        try:
            before = json.loads(record.read_text())
        except ValueError as error:
            raise ValueError(f"{record}: expected JSON, found {error}; do not resume") from error
        _check_same(before, arguments, directory)
        return kept
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    with replacing(record) as path:
        path.write_text(json.dumps(arguments))
    return kept


def _check_same(before, now, directory):
    changed = [
        f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in before | now
        if before.get(name) != now.get(name)
    ]
    if changed:
        raise ValueError(
            f"{directory}: a run is taken up with the arguments it began with, but "
            + "; ".join(changed)
        )
