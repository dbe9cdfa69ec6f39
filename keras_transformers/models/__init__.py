"""Models: plain arguments in, `keras.Model` out."""

from typing import TYPE_CHECKING

from keras_transformers.models.bert_classifier import bert_classifier
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.models.encoder_classifier import encoder_classifier
from keras_transformers.models.fill_mask import fill_mask
from keras_transformers.models.load_classifier import load_classifier
from keras_transformers.models.load_trained import load_trained
from keras_transformers.models.load_translator import load_translator
from keras_transformers.models.masked_language_model import (
    MaskedLanguageModel,
    masked_language_model,
)
from keras_transformers.models.rnn_translator import rnn_translator
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.models.transformer_classifier import transformer_classifier
from keras_transformers.models.transformer_translator import transformer_translator
from keras_transformers.models.translator import Translator
from keras_transformers.utils import lazily

__all__ = [
    "BertEncoder",
    "MaskedLanguageModel",
    "TextClassifier",
    "Translator",
    "bert_classifier",
    "encoder_classifier",
    "fill_mask",
    "hub_classifier",
    "load_classifier",
    "load_trained",
    "load_translator",
    "masked_language_model",
    "rnn_translator",
    "transformer_classifier",
    "transformer_translator",
]

if TYPE_CHECKING:
    from keras_transformers.hub import hub_classifier
else:
    __getattr__ = lazily(__name__, {"hub_classifier": "keras_transformers.hub"})
