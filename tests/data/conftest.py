import os
from pathlib import Path

import pytest

BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared"


@pytest.fixture(scope="session")
def translation():
    """The directory of a real corpus of sentence pairs, which does not come with the package."""
    root = Path(os.environ.get("KERAS_TRANSFORMERS_TEST_DATA", BESIDE_THE_REPOSITORY))
    if not (root / "translation").is_dir():
        pytest.skip(f"no sentence pairs in {root / 'translation'}")
    return root / "translation"
