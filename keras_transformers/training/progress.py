"""How far a training is, in one line."""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import keras

SECONDS_BETWEEN_LOOKS = 0.1
SECONDS_BETWEEN_LINES = 5
BAR = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}"
LINE = "{desc} {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class Progress:
    """Says on standard output how far something is.

    In a terminal that is one line with a bar, in a log a line every few seconds and one in the end.

    Args:
        name: str, what is under way.
        total: int, the number of its parts.
        done: int, how many of them were done before.
    """

    def __init__(self, name: str, total: int, done: int = 0) -> None:
        self.name = name
        self.total = total
        self.before = self.done = done
        self.figures: Mapping[str, Any] = {}
        self.unsaid = False
        self.in_terminal = sys.stdout.isatty()
        self.started = self.printed = time.monotonic()
        if self.in_terminal:
            self._print()

    def show(self, done: int, figures: Mapping[str, Any] | None = None) -> None:
        """Takes note of how many parts are done and of figures, which need not be floats yet."""
        self.done = done
        self.figures = figures or {}
        self.unsaid = True
        pause = SECONDS_BETWEEN_LOOKS if self.in_terminal else SECONDS_BETWEEN_LINES
        if time.monotonic() - self.printed >= pause:
            self._print()

    def close(self) -> None:
        """Says how far it came, if that is not said yet."""
        if self.unsaid:
            self._print()
        if self.in_terminal:
            print()

    def _print(self):
        from tqdm import tqdm

        self.printed = time.monotonic()
        self.unsaid = False
        # Not the bar of tqdm itself: in a log it writes carriage returns, and what is left it
        # estimates by the last steps, which between two validations says too little.
        line = tqdm.format_meter(
            self.done,
            self.total,
            self.printed - self.started,
            ncols=shutil.get_terminal_size().columns - 1 if self.in_terminal else None,
            prefix=self.name,
            ascii=not (sys.stdout.encoding or "").lower().startswith("utf"),
            postfix=", ".join(f"{key}={float(self.figures[key]):.3g}" for key in self.figures),
            initial=self.before,
            bar_format=BAR if self.in_terminal else LINE,
        )
        print(f"\r{line}" if self.in_terminal else f"{line}\n", end="", flush=True)


@contextlib.contextmanager
def training_line(name: str, verbose: int | str) -> Iterator[dict[str, Any]]:
    """Yields the arguments with which `keras.Model.fit` shows a training as `verbose` says.

    They are Keras' own; where `verbose` is `"line"`, those of one `Progress` for all epochs.
    """
    if verbose != "line":
        yield {"callbacks": [], "verbose": verbose}
        return
    line = _Line(name)
    try:
        yield {"callbacks": [line], "verbose": 0}
    finally:
        line.close()


class _Line(keras.callbacks.Callback):
    def __init__(self, name):
        super().__init__()
        self.name = name
        self.progress = None
        self.validation = {}

    def on_epoch_begin(self, epoch, logs=None):
        steps = self.params["steps"]
        self.before = epoch * steps
        if self.progress is None:
            self.progress = Progress(self.name, self.params["epochs"] * steps, self.before)

    def on_train_batch_end(self, batch, logs=None):
        # Of steps executed at once Keras counts those that an epoch no longer has, too.
        self._show(min(batch + 1, self.params["steps"]), logs)

    def on_epoch_end(self, epoch, logs=None):
        self.validation = {key: logs[key] for key in logs if key == "val_accuracy"}
        self._show(self.params["steps"], logs)

    def close(self):
        if self.progress is not None:
            self.progress.close()

    def _show(self, steps, logs):
        # A terminal's line has room for two.
        names = ("accuracy",) if self.validation else ("loss", "accuracy")
        figures = {name: logs[name] for name in names if name in logs}
        self.progress.show(self.before + steps, figures | self.validation)
