"""Opening a saved classifier."""

import os
from pathlib import Path

import keras

from keras_transformers.errors import SavedModelError, UntrustedModel
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.utils import one_line


def load_classifier(path: str | os.PathLike, *, trust: bool = False) -> TextClassifier:
    """Opens a classifier that a training saved.

    Args:
        path: a `.keras` file, or the directory of a training, with a `model.keras`.
        trust: bool, whether to open a model with a SavedModel in it, which runs code of its own.

    Returns:
        The classifier, from strings to class probabilities.

    Raises:
        FileNotFoundError: if there is no such file.
        UntrustedModel: if there is a SavedModel in it and `trust` is not set.
        ValueError: if it is no classifier of texts, or its SavedModel is gone.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.keras"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a .keras file, found none")
    try:
        model = keras.saving.load_model(path, safe_mode=not trust)
    except UntrustedModel as error:
        raise UntrustedModel(
            f"{path}: expected a model without a SavedModel, found one with it; pass --trust, or "
            "trust=True, if you trust where it comes from, for a SavedModel runs code of its own"
        ) from error
    except SavedModelError as error:
        raise ValueError(f"{path}: the SavedModel in it is gone: {one_line(error)}") from error
    except Exception as error:  # zipfile, JSON, HDF5 and Keras each raise their own
        raise ValueError(
            f"{path}: expected a .keras file, found another: {one_line(error)[:80]}"
        ) from error
    if not isinstance(model, TextClassifier):
        raise ValueError(
            f"{path}: expected a text classifier as 'keras-transformers train' saves it, "
            f"found a {type(model).__name__}"
        )
    return model
