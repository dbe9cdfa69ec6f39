"""Opening a saved classifier."""

import os

from keras_transformers.models.load_trained import load_trained
from keras_transformers.models.text_classifier import TextClassifier


def load_classifier(path: str | os.PathLike[str], *, trust: bool = False) -> TextClassifier:
    """Opens a classifier, from strings to class probabilities; see `load_trained`."""
    return load_trained(path, TextClassifier, trust=trust)
