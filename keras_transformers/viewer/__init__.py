"""Attention to look into: words joined by lines, all heads at a glance, the matrix."""

from keras_transformers.viewer.attention import Attention
from keras_transformers.viewer.attention_view import AttentionView, attention_view
from keras_transformers.viewer.view import view

__all__ = ["Attention", "AttentionView", "attention_view", "view"]
