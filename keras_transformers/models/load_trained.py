"""Opening a saved model."""

import os
from pathlib import Path

import keras

from keras_transformers.errors import SavedModelError, UntrustedModel
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.models.translator import Translator
from keras_transformers.utils import one_line

KINDS = {TextClassifier: "text classifier", Translator: "translator"}


def load_trained(
    path: str | os.PathLike[str], *kinds: type, trust: bool = False
) -> TextClassifier | Translator:
    """Opens a model that a training saved.

    Args:
        path: a `.keras` file, or the directory of a training, with a `model.keras`.
        *kinds: `TextClassifier` or `Translator`, what it may be; none means either.
        trust: bool, whether to open a model with a SavedModel in it, which runs code of its own.

    Returns:
        The model, which takes strings.

    Raises:
        FileNotFoundError: if there is no such file.
        UntrustedModel: if there is a SavedModel in it and `trust` is not set.
        ValueError: if it is none of `kinds`, or its SavedModel is gone.
    """
    kinds = kinds or tuple(KINDS)
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
    if not isinstance(model, kinds):
        raise ValueError(
            f"{path}: expected a {' or a '.join(KINDS[kind] for kind in kinds)} as "
            f"'keras-transformers train' saves it, found a {type(model).__name__}"
        )
    return model
