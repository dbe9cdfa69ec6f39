"""Real data that tests compare with, outside the repository."""

import os
from pathlib import Path

import pytest

VARIABLE = "KERAS_TRANSFORMERS_TEST_DATA"
DIRECTORY = Path(os.environ.get(VARIABLE) or Path(__file__).parents[2].parent / "shared")


def real_data(*parts: str) -> Path:
    """Returns a file or folder of the real data; skips the test where it is not."""
    path = DIRECTORY.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs {path.relative_to(DIRECTORY)} in the directory that {VARIABLE} names")
    return path
