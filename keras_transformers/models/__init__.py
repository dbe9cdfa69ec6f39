"""Models: plain arguments in, `keras.Model` out."""

from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.models.transformer_classifier import transformer_classifier

__all__ = ["TextClassifier", "transformer_classifier"]
