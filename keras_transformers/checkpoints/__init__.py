"""Checkpoints of Hugging Face and TensorFlow Hub, in and out."""
