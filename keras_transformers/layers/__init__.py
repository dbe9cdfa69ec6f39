"""Keras layers. They need nothing but Keras and run on any of its backends."""

from keras_transformers.layers.fast import plain
from keras_transformers.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_transformers.layers.multi_head_attention import MultiHeadAttention
from keras_transformers.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_transformers.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_transformers.layers.transformer_block import TransformerBlock
from keras_transformers.utils import lazily

__all__ = [
    "HubLayer",
    "MaskedAveragePooling1D",
    "MultiHeadAttention",
    "MultiHeadSelfAttention",
    "TokenAndPositionEmbedding",
    "TransformerBlock",
    "plain",
]

__getattr__ = lazily(__name__, {"HubLayer": "keras_transformers.hub"})
