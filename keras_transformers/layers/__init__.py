"""Keras layers. They use nothing but Keras and run on TensorFlow, JAX and PyTorch."""

from keras_transformers.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_transformers.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_transformers.layers.transformer_block import TransformerBlock

__all__ = ["MaskedAveragePooling1D", "TokenAndPositionEmbedding", "TransformerBlock"]
