"""The same numbers in fewer operations; nothing of the paper is in here.

`with plain():` switches all of it off.
"""

from keras_transformers.layers.fast.attention import attention
from keras_transformers.layers.fast.by_vector import by_vector
from keras_transformers.layers.fast.dropout import Dropout
from keras_transformers.layers.fast.gelu import Activation
from keras_transformers.layers.fast.layer_normalization import LayerNormalization
from keras_transformers.layers.fast.switch import FORMS, plain

__all__ = [
    "FORMS",
    "Activation",
    "Dropout",
    "LayerNormalization",
    "attention",
    "by_vector",
    "plain",
]
