"""Token embedding plus trained position embedding."""

import keras
from keras import ops

from keras_transformers.utils import check_positive


@keras.saving.register_keras_serializable(package="keras_transformers")
class TokenAndPositionEmbedding(keras.layers.Layer):
    r"""Adds a trained vector for each token and one for its position in the sequence.

    \[ x_t = E_{w_t} + P_t \]

    with the token matrix `E` of shape `(vocab_size, embed_dim)` and the position matrix `P` of
    shape `(maxlen, embed_dim)`, both trained (Gehring et al., 2017, arXiv 1705.03122, section
    3.1, which BERT follows; Vaswani et al., 2017, arXiv 1706.03762, section 3.5 compares it with
    the fixed sinusoidal encoding).

    Args:
        maxlen: int, the longest sequence that has position vectors. Shorter ones are taken too.
        vocab_size: int, the number of different token ids, padding included.
        embed_dim: int, the length of each vector.
        mask_zero: bool, whether id 0 is padding. If so, the layer sends the mask `inputs != 0`
            (True = attend) on to the layers behind it.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: integer ids of shape `(batch, length)` with `length <= maxlen`, each in
            `[0, vocab_size)`.

    Returns:
        Floats of shape `(batch, length, embed_dim)` in the layer's compute dtype.

    Raises:
        ValueError: if a size is not a positive integer, or the sequence is longer than `maxlen`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import TokenAndPositionEmbedding
        >>> embedding = TokenAndPositionEmbedding(maxlen=256, vocab_size=20_000, embed_dim=32)
        >>> vectors = embedding(np.array([[5, 17, 2, 0]]))
        >>> tuple(vectors.shape), embedding.count_params()
        ((1, 4, 32), 648192)
    """

    def __init__(
        self, maxlen: int, vocab_size: int, embed_dim: int, *, mask_zero: bool = True, **kwargs
    ) -> None:
        # Ids stay as they came: one that was cast to a half float would be another id.
        super().__init__(autocast=False, **kwargs)
        self.maxlen = check_positive("maxlen", maxlen)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.embed_dim = check_positive("embed_dim", embed_dim)
        self.mask_zero = mask_zero
        self.supports_masking = True

        self.token_embedding = keras.layers.Embedding(
            vocab_size, embed_dim, dtype=self.dtype_policy, name="token_embedding"
        )
        self.position_embedding = keras.layers.Embedding(
            maxlen, embed_dim, dtype=self.dtype_policy, name="position_embedding"
        )

    def build(self, input_shape):
        self.token_embedding.build(input_shape)
        self.position_embedding.build(input_shape[-1:])
        self.built = True

    def call(self, inputs):
        self._check_length(inputs.shape[-1])
        # A slice, not a look-up: where the length is known only as the model runs, a sequence
        # that is too long does not fit, while XLA looks up the last position again and again.
        positions = self.position_embedding.embeddings[: ops.shape(inputs)[-1]]
        return self.token_embedding(inputs) + ops.cast(positions, self.compute_dtype)

    def _check_length(self, length):
        if length is not None and length > self.maxlen:
            raise ValueError(
                f"`inputs` must have at most maxlen={self.maxlen} positions. "
                f"Received: a sequence of length {length}"
            )

    def compute_mask(self, inputs, previous_mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else previous_mask

    def compute_output_shape(self, input_shape):
        self._check_length(input_shape[-1])
        return (*input_shape, self.embed_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "maxlen": self.maxlen,
            "vocab_size": self.vocab_size,
            "embed_dim": self.embed_dim,
            "mask_zero": self.mask_zero,
        }
