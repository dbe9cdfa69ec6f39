"""Token embedding plus what tells the position."""

import math
from typing import Any

import keras
from keras import ops

from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.layers.sinusoidal_position_encoding import SinusoidalPositionEncoding
from keras_transformers.utils import Tensor, check_positive


def embedding_matrix(layer: keras.layers.Embedding) -> Tensor:
    """Returns the vectors of all ids as the layer looks them up, quantized or with LoRA as well."""
    if layer.quantization_mode:
        return layer(ops.arange(layer.input_dim))
    return ops.convert_to_tensor(layer.embeddings)


@keras.saving.register_keras_serializable(package="keras_transformers")
class TokenAndPositionEmbedding(KeepsQuantization, keras.layers.Layer):
    r"""Adds up a trained vector for each token and one for its position in the sequence.

    \[ x_t = E_{w_t} + P_t \]

    with the token matrix `E` of shape `(vocab_size, embed_dim)` and the position matrix `P` of
    shape `(maxlen, embed_dim)`, both trained (Gehring et al., 2017, arXiv 1705.03122, section
    3.1, which BERT follows). With `positions="sinusoidal"` the positions are not trained but
    computed, and the tokens weighted (Vaswani et al., 2017, arXiv 1706.03762, sections 3.4 and
    3.5, which compares both):

    \[ x_t = \sqrt{d} \, E_{w_t} + P_t \]

    with `d = embed_dim` and `P` as in `SinusoidalPositionEncoding`.

    Args:
        maxlen: int or None, the longest sequence to take. None, for any length, needs sinusoidal
            positions: trained ones are so many vectors.
        vocab_size: int, the number of different token ids, padding included.
        embed_dim: int, the length of each vector.
        positions: `"trained"` or `"sinusoidal"`.
        mask_zero: bool, whether id 0 is padding. If so, the layer sends the mask `inputs != 0`
            (True = attend) on to the layers behind it.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: integer ids of shape `(batch, length)` with `length <= maxlen`, each in
            `[0, vocab_size)`.
        offset: int or integer scalar, the position of the first token.

    Returns:
        Floats of shape `(batch, length, embed_dim)` in the layer's compute dtype.

    Raises:
        ValueError: if a size is not a positive integer, `positions` is neither of the two,
            `maxlen` is None with trained ones, or the sequence is longer than `maxlen`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import TokenAndPositionEmbedding
        >>> embedding = TokenAndPositionEmbedding(maxlen=256, vocab_size=20_000, embed_dim=32)
        >>> vectors = embedding(np.array([[5, 17, 2, 0]]))
        >>> tuple(vectors.shape), embedding.count_params()
        ((1, 4, 32), 648192)
    """

    def __init__(
        self,
        maxlen: int | None,
        vocab_size: int,
        embed_dim: int,
        *,
        positions: str = "trained",
        mask_zero: bool = True,
        **kwargs: Any,
    ) -> None:
        # Ids stay as they came: one that was cast to a half float would be another id.
        super().__init__(autocast=False, **kwargs)
        if positions not in ("trained", "sinusoidal"):
            raise ValueError(
                f"`positions` must be 'trained' or 'sinusoidal'. Received: positions={positions!r}"
            )
        self.positions = positions
        any_length = maxlen is None and positions == "sinusoidal"
        self.maxlen = None if any_length else check_positive("maxlen", maxlen)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.embed_dim = check_positive("embed_dim", embed_dim)
        self.mask_zero = mask_zero
        self.supports_masking = True

        self.token_embedding = keras.layers.Embedding(
            vocab_size, embed_dim, dtype=self.dtype_policy, name="token_embedding"
        )
        if positions == "trained":
            self.position_embedding = keras.layers.Embedding(
                maxlen, embed_dim, dtype=self.dtype_policy, name="position_embedding"
            )
        else:
            self.position_encoding = SinusoidalPositionEncoding(
                dtype=self.dtype_policy, name="position_encoding"
            )

    def build(self, input_shape):
        self.token_embedding.build(input_shape)
        if self.positions == "trained":
            self.position_embedding.build(input_shape[-1:])
        else:
            self.position_encoding.build((*input_shape, self.embed_dim))
        self.built = True

    def call(self, inputs, offset=0):
        self._check_length(inputs.shape[-1], offset)
        # Quantized, it gives float32 whatever the compute dtype.
        tokens = ops.cast(self.token_embedding(inputs), self.compute_dtype)
        if self.positions == "sinusoidal":
            return self.position_encoding(tokens * math.sqrt(self.embed_dim), offset=offset)
        # A slice, not a look-up: where the length is known only as the model runs, a sequence
        # that is too long does not fit, while XLA looks up the last position again and again.
        positions = embedding_matrix(self.position_embedding)
        size = (ops.shape(inputs)[-1], self.embed_dim)
        positions = ops.slice(positions, (offset, 0), size)
        return tokens + ops.cast(positions, self.compute_dtype)

    def _check_length(self, length, offset=0):
        # An offset that is a tensor may be known only as the model runs.
        offset = offset if isinstance(offset, int) else 0
        if self.maxlen is not None and length is not None and offset + length > self.maxlen:
            raise ValueError(
                f"`inputs` must have at most maxlen={self.maxlen} positions. "
                f"Received: a sequence of length {length}" + f" at offset {offset}" * (offset > 0)
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
            "positions": self.positions,
            "mask_zero": self.mask_zero,
        }
