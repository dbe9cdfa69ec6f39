import pytest
from support.data import real_data


@pytest.fixture(scope="session")
def translation():
    """A directory with Multi30k, English and German."""
    return real_data("translation")
