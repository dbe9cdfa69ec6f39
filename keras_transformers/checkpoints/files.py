"""Reading text files."""

import json
from pathlib import Path
from typing import Any


def read_text(path: Path) -> str:
    """Reads a text file; a `ValueError` names one that is not UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text, found {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object; a `ValueError` names a file that holds none."""
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON, found {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, found {content!r:.80}")
    return content
