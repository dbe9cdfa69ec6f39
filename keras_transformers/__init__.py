"""Transformers in Keras 3, to understand, to use and to teach."""

import os

# TensorFlow's start-up notes, on a missing GPU for one, would stand before the first line of
# output. What goes wrong later it raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# All of them, so that `keras.saving.load_model` knows the classes. What else they need than Keras
# is imported by the functions that need it.
from keras_transformers import (
    checkpoints,
    data,
    decoding,
    distribution,
    hub,
    layers,
    models,
    plots,
    text,
    training,
    viewer,
)
from keras_transformers.version import __version__

__all__ = [
    "__version__",
    "checkpoints",
    "data",
    "decoding",
    "distribution",
    "hub",
    "layers",
    "models",
    "plots",
    "text",
    "training",
    "viewer",
]
