"""Transformers in Keras 3, to understand, to use and to teach."""

import importlib
import os

# TensorFlow's start-up notes, on a missing GPU for one, would stand before the first line of
# output. What goes wrong later it raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Imported here so that `keras.saving.load_model` knows the classes.
from keras_transformers import hub, layers, models, text, training

__version__ = "0.1.0"
__all__ = ["checkpoints", "data", "hub", "layers", "models", "plots", "text", "training"]


def __getattr__(name):
    # The others are imported on first use, so that the package costs no more than Keras itself.
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
