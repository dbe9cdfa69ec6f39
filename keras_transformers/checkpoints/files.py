"""Reading text files."""

import json
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """Returns the content of a text file; a `ValueError` names one that is not UTF-8."""
    try:
        return path.read_text("utf-8")
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
