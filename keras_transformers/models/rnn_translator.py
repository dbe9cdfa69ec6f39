"""The recurrent encoder-decoder, with attention or without."""

import keras

from keras_transformers.layers import RNNDecoder


def rnn_translator(
    source_vocab_size: int,
    target_vocab_size: int,
    embed_dim: int = 128,
    units: int = 128,
    *,
    attention: str | None = None,
    rate: float = 0.1,
) -> keras.Model:
    """Builds a translator of a GRU that reads in both directions and one that writes.

    Bahdanau et al., 2015 (arXiv 1409.0473); see `RNNDecoder` for the decoder's equations. Without
    attention the decoder knows of the source what the encoder's last states hold of it.

    Args:
        source_vocab_size: int, the number of different source ids, padding (0) included.
        target_vocab_size: int, the number of different target ids, padding (0) included.
        embed_dim: int, the length of the token vectors.
        units: int, the length of the states, in each direction.
        attention: None or `"bahdanau"`.
        rate: float in [0, 1), dropout on the token vectors and before the output.

    Returns:
        A `keras.Model` from `(source_ids, decoder_ids)`, integers of shape `(batch,
        source_length)` and `(batch, length)`, 0 = padding, to logits of shape `(batch, length,
        target_vocab_size)`: at each position those of the token after `decoder_ids`. Its layers
        `"encoder"` and `"decoder"` are what `Translator` writes with.

    Raises:
        ValueError: if a size or the rate is out of range, or `attention` is neither of the two.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.models import rnn_translator
        >>> model = rnn_translator(100, 80, embed_dim=16, units=32, attention="bahdanau")
        >>> source_ids, decoder_ids = np.array([[7, 3, 9, 0]]), np.array([[2, 5, 4]])
        >>> model((source_ids, decoder_ids)).shape, model.count_params()
        (TensorShape([1, 3, 80]), 31776)
    """
    decoder = RNNDecoder(
        target_vocab_size, embed_dim, units, attention=attention, rate=rate, name="decoder"
    )
    source_ids = keras.Input((None,), dtype="int32", name="source_ids")
    embedding = keras.layers.Embedding(
        source_vocab_size,
        embed_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        mask_zero=True,
        name="embedding",
    )
    x = keras.layers.Dropout(rate, name="dropout")(embedding(source_ids))
    reader = keras.layers.GRU(units, return_sequences=True, name="gru")
    memory = keras.layers.Bidirectional(reader, name="bidirectional")(x)
    encoder = keras.Model(source_ids, memory, name="encoder")

    decoder_ids = keras.Input((None,), dtype="int32", name="decoder_ids")
    logits = decoder(decoder_ids, encoder(source_ids), memory_mask=source_ids != 0)
    return keras.Model((source_ids, decoder_ids), logits, name="rnn_translator")
