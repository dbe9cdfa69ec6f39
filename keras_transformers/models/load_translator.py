"""Opening a saved translator."""

import os

from keras_transformers.models.load_trained import load_trained
from keras_transformers.models.translator import Translator


def load_translator(path: str | os.PathLike[str]) -> Translator:
    """Opens a translator, from strings to strings; see `load_trained`."""
    return load_trained(path, Translator)
