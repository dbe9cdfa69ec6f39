"""Models: plain arguments in, `keras.Model` out."""

from keras_transformers.models.bert_classifier import bert_classifier
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.models.encoder_classifier import encoder_classifier
from keras_transformers.models.hub_classifier import hub_classifier
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.models.transformer_classifier import transformer_classifier

__all__ = [
    "BertEncoder",
    "TextClassifier",
    "bert_classifier",
    "encoder_classifier",
    "hub_classifier",
    "transformer_classifier",
]
