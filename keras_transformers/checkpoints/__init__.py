"""Checkpoints of Hugging Face and TensorFlow Hub, in and out."""

from keras_transformers.checkpoints.encoder_at_hand import encoder_at_hand
from keras_transformers.checkpoints.find_checkpoint import find_checkpoint

__all__ = ["encoder_at_hand", "find_checkpoint"]
