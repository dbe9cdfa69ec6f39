"""Checkpoints of Hugging Face and TensorFlow Hub, in and out."""

from keras_transformers.checkpoints.bert_pair import bert_pair
from keras_transformers.checkpoints.export_to_hub import export_to_hub
from keras_transformers.checkpoints.lesson_bert import lesson_bert

__all__ = ["bert_pair", "export_to_hub", "lesson_bert"]
