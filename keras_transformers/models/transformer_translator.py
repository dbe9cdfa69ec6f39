"""The Transformer as it was first published: an encoder and a decoder."""

import keras

from keras_transformers.layers import (
    TokenAndPositionEmbedding,
    TransformerBlock,
    TransformerDecoder,
)
from keras_transformers.utils import check_positive


def transformer_translator(
    source_vocab_size: int,
    target_vocab_size: int,
    embed_dim: int = 128,
    num_heads: int = 4,
    ff_dim: int = 512,
    *,
    num_blocks: int = 2,
    rate: float = 0.1,
    positions: str = "sinusoidal",
    maxlen: int | None = None,
) -> keras.Model:
    """Builds a translator of Transformer blocks that read and blocks that write.

    Vaswani et al., 2017 (arXiv 1706.03762), figure 1; see `TransformerBlock` and
    `TransformerDecoder` for the equations.

    Args:
        source_vocab_size: int, the number of different source ids, padding (0) included.
        target_vocab_size: int, the number of different target ids, padding (0) included.
        embed_dim: int, the length of the vectors.
        num_heads: int, attention heads in a block, each of size `embed_dim // num_heads`.
        ff_dim: int, hidden width of the blocks' feed-forward networks.
        num_blocks: int, the number of blocks of the encoder, and of the decoder.
        rate: float in [0, 1), dropout throughout.
        positions: `"sinusoidal"` or `"trained"`.
        maxlen: int or None, the longest sequence; trained positions need one.

    Returns:
        A `keras.Model` from `(source_ids, decoder_ids)`, integers of shape `(batch,
        source_length)` and `(batch, length)`, 0 = padding, to logits of shape `(batch, length,
        target_vocab_size)`: at each position those of the token after `decoder_ids`. Its layers
        `"encoder"` and `"decoder"` are what `Translator` writes with.

    Raises:
        ValueError: if a size or the rate is out of range, `num_heads` does not divide `embed_dim`,
            `positions` is neither of the two, or `maxlen` is None with trained ones.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.models import transformer_translator
        >>> model = transformer_translator(100, 80, embed_dim=32, num_heads=2, ff_dim=64)
        >>> source_ids, decoder_ids = np.array([[7, 3, 9, 0]]), np.array([[2, 5, 4]])
        >>> model((source_ids, decoder_ids)).shape, model.count_params()
        (TensorShape([1, 3, 80]), 48592)
    """
    check_positive("num_blocks", num_blocks)
    decoder = TransformerDecoder(
        target_vocab_size,
        maxlen,
        embed_dim,
        num_heads,
        ff_dim,
        num_blocks=num_blocks,
        rate=rate,
        positions=positions,
        name="decoder",
    )
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    embedding = TokenAndPositionEmbedding(
        maxlen, source_vocab_size, embed_dim, positions=positions, name="embedding"
    )
    x = keras.layers.Dropout(rate, name="dropout")(embedding(source_ids))
    for block in range(num_blocks):
        x = TransformerBlock(
            embed_dim,
            num_heads,
            ff_dim,
            rate,
            key_dim=embed_dim // num_heads,
            name=f"block_{block}",
        )(x)
    encoder = keras.Model(source_ids, x, name="encoder")

    decoder_ids = keras.Input((None,), dtype="int32", name="decoder_ids")
    logits = decoder(decoder_ids, encoder(source_ids), memory_mask=source_ids != 0)
    return keras.Model((source_ids, decoder_ids), logits, name="transformer_translator")
