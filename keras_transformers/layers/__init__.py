"""Keras layers. All but `HubLayer` use nothing but Keras and run on any of its backends."""

from keras_transformers.layers.fast import plain
from keras_transformers.layers.hub_layer import HubLayer
from keras_transformers.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_transformers.layers.multi_head_attention import MultiHeadAttention
from keras_transformers.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_transformers.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_transformers.layers.transformer_block import TransformerBlock

__all__ = [
    "HubLayer",
    "MaskedAveragePooling1D",
    "MultiHeadAttention",
    "MultiHeadSelfAttention",
    "TokenAndPositionEmbedding",
    "TransformerBlock",
    "plain",
]
