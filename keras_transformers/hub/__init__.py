"""TensorFlow Hub: everything that runs a SavedModel."""

from keras_transformers.hub.bert_pair import bert_pair
from keras_transformers.hub.export_to_hub import export_to_hub
from keras_transformers.hub.hub_classifier import hub_classifier
from keras_transformers.hub.hub_layer import HubLayer
from keras_transformers.hub.hub_tokenizer import HubTokenizer
from keras_transformers.hub.lesson_bert import lesson_bert

__all__ = [
    "HubLayer",
    "HubTokenizer",
    "bert_pair",
    "export_to_hub",
    "hub_classifier",
    "lesson_bert",
]
