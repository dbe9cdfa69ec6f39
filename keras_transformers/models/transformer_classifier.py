"""A Transformer that classifies sequences, trained from scratch."""

import keras

from keras_transformers.layers import (
    MaskedAveragePooling1D,
    TokenAndPositionEmbedding,
    TransformerBlock,
)
from keras_transformers.utils import check_positive


def transformer_classifier(
    vocab_size: int = 20_000,
    maxlen: int = 256,
    embed_dim: int = 32,
    num_heads: int = 2,
    ff_dim: int = 32,
    num_classes: int = 4,
    *,
    num_blocks: int = 1,
    rate: float = 0.1,
) -> keras.Model:
    """Builds a classifier: embedding, Transformer blocks, mean over the words, a small network.

    With the default sizes it has 659,592 weights.

    Args:
        vocab_size: int, the number of different token ids, padding (0) included.
        maxlen: int, the longest sequence it takes.
        embed_dim: int, the length of the vectors.
        num_heads: int, attention heads in a block, each of size `embed_dim`.
        ff_dim: int, hidden width of the blocks' feed-forward networks.
        num_classes: int, the number of classes.
        num_blocks: int, the number of Transformer blocks.
        rate: float in [0, 1), dropout throughout.

    Returns:
        A `keras.Model` from integer ids of shape `(batch, length)`, 0 = padding, to class
        probabilities of shape `(batch, num_classes)`. Put `TextClassifier` around it for one
        that takes strings.

    Raises:
        ValueError: if a size or the rate is out of range.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.models import transformer_classifier
        >>> model = transformer_classifier()
        >>> model(np.array([[7, 3, 0, 0]])).shape, model.count_params()
        (TensorShape([1, 4]), 659592)
    """
    check_positive("num_classes", num_classes)
    check_positive("num_blocks", num_blocks)
    ids = keras.Input((None,), dtype="int32", name="ids")
    x = TokenAndPositionEmbedding(maxlen, vocab_size, embed_dim, name="embedding")(ids)
    for block in range(num_blocks):
        x = TransformerBlock(embed_dim, num_heads, ff_dim, rate, name=f"block_{block}")(x)
    x = MaskedAveragePooling1D(name="pooling")(x)
    x = keras.layers.Dropout(rate, name="pooling_dropout")(x)
    x = keras.layers.Dense(20, activation="relu", name="hidden")(x)
    x = keras.layers.Dropout(rate, name="hidden_dropout")(x)
    # The probabilities stay float32 under mixed precision, for the loss' logarithm.
    probabilities = keras.layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="probabilities"
    )(x)
    return keras.Model(ids, probabilities, name="transformer_classifier")
