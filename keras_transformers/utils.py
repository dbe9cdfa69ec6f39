"""Argument checks and file writing that several modules share."""

import contextlib
import importlib
import json
import os
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, KeysView, Mapping, Sequence, Set
from numbers import Integral
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

# Of whichever backend, or what Keras makes one of: there is no type for all of them.
Tensor: TypeAlias = Any
# Begins the name of a directory in which something is being written.
UNFINISHED = ".unfinished-"
CHECKSUM_BYTES = 4


def check_positive(name: str, value: int) -> int:
    """Returns `value` if it is a positive integer, else raises a `ValueError` naming it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return value


def check_rate(name: str, value: float) -> float:
    """Returns `value` if it is a probability below 1, else raises a `ValueError` naming it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ValueError(f"`{name}` must be in the interval [0, 1). Received: {name}={value!r}")
    return value


def check_texts(texts: Iterable[str], name: str = "texts") -> list[str]:
    """Returns texts as a list in their order, whatever holds them: an array, Series or iterator.

    Raises:
        ValueError: if it is a single string, has no order or several columns, or holds something
            that is no string or that UTF-8 cannot encode; the message has `name` and the position.
    """
    return list(each_text(texts, name))


def check_labels(labels: Any, count: int, class_names: Sequence[str]) -> np.ndarray:
    """Returns labels as an integer array in their order, whatever holds them.

    Raises:
        ValueError: if there are not `count` integers, or one has no class.
    """
    labels = np.asarray(labels)
    if labels.shape != (count,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"`labels` must be one class for each of the {count} texts, as an integer. "
            f"Received: {labels.dtype} of shape {labels.shape}"
        )
    classes = range(len(class_names))
    if unknown := set(np.unique(labels).tolist()) - set(classes):
        raise ValueError(
            f"`labels` must be from 0 to {len(classes) - 1}, the classes "
            f"{', '.join(class_names)}. Received: {sorted(unknown)}"
        )
    return labels


def check_class_names(names: Iterable[Any]) -> tuple[str, ...]:
    """Returns the names of classes as strings, whatever holds them.

    Raises:
        ValueError: if it is a single string, has no order or several columns, or names two classes
            alike.
    """
    names = tuple(_in_order(names, "class_names"))
    if other := [name for name in names if not isinstance(name, str | Integral)]:
        raise ValueError(
            f"`class_names` must be strings, or integers. Received: {some([*map(repr, other)])}"
        )
    names = tuple(map(str, names))
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(
            f"`class_names` must be different from each other. Received: {some(repeated)} repeated"
        )
    return names


def _in_order(values, name):
    """Returns an iterator over strings that have an order and one column, or refuses them."""
    unordered = isinstance(values, str | bytes | Mapping | Set) and not isinstance(values, KeysView)
    if unordered or not isinstance(values, Iterable) or getattr(values, "ndim", 1) != 1:
        received = " ".join(f"{type(values).__name__} {values!r:.80}".split())
        raise ValueError(f"`{name}` must be a sequence of strings. Received: {received}")
    return iter(values)


def each_text(texts: Iterable[str], name: str = "texts") -> Iterator[str]:
    """Yields texts one after the other, or raises the `ValueError` of `check_texts`."""
    for position, text in enumerate(_in_order(texts, name)):
        if not isinstance(text, str):
            raise ValueError(
                f"`{name}` must hold strings. Received: {type(text).__name__} {text!r:.80} at "
                f"position {position}"
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"`{name}` must hold strings that UTF-8 can encode. Received: {text!a:.80} at "
                f"position {position}"
            ) from error
        yield str(text)


def check_text(text: str, name: str = "text") -> str:
    """Returns a text, or raises a `ValueError` that says what is there instead."""
    if not isinstance(text, str):
        raise ValueError(f"`{name}` must be a string. Received: {type(text).__name__} {text!r:.80}")
    return next(each_text([text], name))


def one_line(error: BaseException) -> str:
    """Returns what an error says, in one line; its class where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def some(names: list[str], limit: int = 20) -> str:
    """Returns the first of many names, and how many there are besides."""
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def read_text(path: Path) -> str:
    """Returns a file's text without a byte-order mark; a `ValueError` names one not in UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise ValueError(
            f"{path}, line {line}: expected UTF-8 text, found the byte {byte:#04x}"
        ) from error


def read_json(path: Path) -> dict[str, Any]:
    """Returns the object in a JSON file; a `ValueError` names a file that does not hold one."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}, line {error.lineno}: expected JSON, found {error.msg}"
        ) from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, found {content!r:.80}")
    return content


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Makes one error of all that libraries raise when they read a damaged file or directory.

    What they raise depends on where it is damaged. An `OSError` or `ValueError` that names `path`
    stays as it is.

    Raises:
        ValueError: for any other error; the message names `path`.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, OSError | ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path}: damaged, or of another kind: {one_line(error)}") from error


def is_running(process: int) -> bool:
    """Whether there is a process of that number on this machine."""
    try:
        os.kill(process, 0)  # Sends nothing; asks whether it could.
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Returns a temporary name to write to, which takes the place of `path` once all is written.

    Raises:
        OSError: if writing raised one; the message names `path`.
    """
    path = Path(path)
    try:
        # A directory of its own: another process may be writing the same file.
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=path.parent) as directory:
            temporary = Path(directory, path.name)
            yield temporary
            os.replace(temporary, path)
    except OSError as error:
        raise OSError(f"{path}: could not be written: {error}") from error


def seal(path: Path) -> None:
    """Appends a checksum of all that is in a file; see `is_sealed`."""
    checksum = _checksum(path, path.stat().st_size)
    with open(path, "ab") as file:
        file.write(checksum)


def is_sealed(path: Path) -> bool:
    """Whether a file ends with the checksum of what is in front of it."""
    length = path.stat().st_size - CHECKSUM_BYTES
    if length < 0:
        return False
    with open(path, "rb") as file:
        file.seek(length)
        return file.read() == _checksum(path, length)


def _checksum(path, length):
    checksum = 0
    with open(path, "rb") as file:
        while length > 0 and (part := file.read(min(length, 1 << 20))):
            checksum = zlib.crc32(part, checksum)
            length -= len(part)
    return checksum.to_bytes(CHECKSUM_BYTES, "little")


def markdown_table(rows: list[dict[str, Any]]) -> str:
    """Formats rows that share their keys as a Markdown table."""
    keys = list(rows[0])
    lines = [keys, ["---"] * len(keys), *([str(row[key]) for key in keys] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def lazily(package: str, homes: dict[str, str]) -> Callable[[str], Any]:
    """Makes a `__getattr__` for a package that offers names which live in higher packages.

    `homes` has for each name the module that it is imported from when it is first asked for.
    """

    def find(name):
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find
