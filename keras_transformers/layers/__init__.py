"""Keras layers. They need nothing but Keras and run on any of its backends."""

from typing import TYPE_CHECKING

from keras_transformers.layers.bahdanau_attention import BahdanauAttention
from keras_transformers.layers.fast import plain
from keras_transformers.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_transformers.layers.masked_lm_head import MaskedLMHead
from keras_transformers.layers.multi_head_attention import MultiHeadAttention
from keras_transformers.layers.multi_head_self_attention import MultiHeadSelfAttention
from keras_transformers.layers.rnn_decoder import RNNDecoder
from keras_transformers.layers.sinusoidal_position_encoding import SinusoidalPositionEncoding
from keras_transformers.layers.token_and_position_embedding import TokenAndPositionEmbedding
from keras_transformers.layers.transformer_block import TransformerBlock
from keras_transformers.layers.transformer_decoder import TransformerDecoder
from keras_transformers.layers.transformer_decoder_block import TransformerDecoderBlock
from keras_transformers.utils import lazily

__all__ = [
    "BahdanauAttention",
    "HubLayer",
    "MaskedAveragePooling1D",
    "MaskedLMHead",
    "MultiHeadAttention",
    "MultiHeadSelfAttention",
    "RNNDecoder",
    "SinusoidalPositionEncoding",
    "TokenAndPositionEmbedding",
    "TransformerBlock",
    "TransformerDecoder",
    "TransformerDecoderBlock",
    "plain",
]

if TYPE_CHECKING:
    from keras_transformers.hub import HubLayer
else:
    __getattr__ = lazily(__name__, {"HubLayer": "keras_transformers.hub"})
