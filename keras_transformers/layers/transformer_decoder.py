"""The decoder of the Transformer, from ids to the next ones."""

from typing import Any

import keras
from keras import ops

from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.layers.token_and_position_embedding import (
    TokenAndPositionEmbedding,
    embedding_matrix,
)
from keras_transformers.layers.transformer_decoder_block import TransformerDecoderBlock
from keras_transformers.utils import Tensor, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_transformers")
class TransformerDecoder(KeepsQuantization, keras.layers.Layer):
    r"""Predicts each token of a sequence from those before it and from what an encoder gave.

    Vaswani et al., 2017 (arXiv 1706.03762), figure 1, right half: embedding, `num_blocks`
    `TransformerDecoderBlock`s, and a score for each token of the vocabulary. As in section 3.4 the
    token matrix `E` is the output's too: of the last block's `y` it makes `y E^T + b`.

    Like all decoders of this package it has `start` and `step`, by which
    `keras_transformers.decoding` writes.

    Args:
        vocab_size: int, the number of different token ids, padding (0) included.
        maxlen: int or None, the longest sequence, see `TokenAndPositionEmbedding`.
        embed_dim: int, the length of the vectors.
        num_heads: int, attention heads in a block, each of size `embed_dim // num_heads`.
        ff_dim: int, hidden width of the blocks' feed-forward networks.
        num_blocks: int, the number of blocks.
        rate: float in [0, 1), dropout throughout.
        positions: `"sinusoidal"` or `"trained"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        ids: integer ids of shape `(batch, length)`, 0 = padding: at each position the token that
            comes before the one to be predicted.
        memory: floats of shape `(batch, keys, memory_dim)`, what the encoder gave.
        memory_mask: optional boolean mask of shape `(batch, keys)`, True = attend. Left out, it is
            the mask that was sent along with `memory`.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the attention weights too.

    Returns:
        Logits, float32 of shape `(batch, length, vocab_size)`; with
        `return_attention_scores=True` a triple of them and, of all blocks, the weights of the
        self-attention, `(batch, num_blocks, num_heads, length, length)`, and of the attention to
        the encoder, `(batch, num_blocks, num_heads, length, keys)`.

    Raises:
        ValueError: if a size or the rate is out of range, or `num_heads` does not divide
            `embed_dim`, or if `memory_mask` is no such mask.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import TransformerDecoder
        >>> decoder = TransformerDecoder(100, None, embed_dim=32, num_heads=2, ff_dim=64)
        >>> logits = decoder(np.array([[2, 17, 5]]), np.ones((1, 7, 32)))
        >>> tuple(logits.shape)
        (1, 3, 100)
    """

    def __init__(
        self,
        vocab_size: int,
        maxlen: int | None,
        embed_dim: int,
        num_heads: int,
        ff_dim: int,
        *,
        num_blocks: int = 1,
        rate: float = 0.1,
        positions: str = "sinusoidal",
        **kwargs: Any,
    ) -> None:
        # Ids stay as they came: one that was cast to a half float would be another id.
        super().__init__(autocast=False, **kwargs)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.maxlen = maxlen
        self.embed_dim = check_positive("embed_dim", embed_dim)
        self.num_heads = check_heads(num_heads, embed_dim)
        self.ff_dim = check_positive("ff_dim", ff_dim)
        self.num_blocks = check_positive("num_blocks", num_blocks)
        self.rate = check_rate("rate", rate)
        self.positions = positions
        self.supports_masking = True

        options = {"dtype": self.dtype_policy}
        self.embedding = TokenAndPositionEmbedding(
            maxlen, vocab_size, embed_dim, positions=positions, name="embedding", **options
        )
        self.dropout = keras.layers.Dropout(rate, name="dropout", **options)
        self.blocks = [
            TransformerDecoderBlock(
                embed_dim,
                num_heads,
                ff_dim,
                rate,
                key_dim=embed_dim // num_heads,
                name=f"block_{block}",
                **options,
            )
            for block in range(num_blocks)
        ]

    def build(self, ids_shape, memory_shape):
        self.embedding.build(ids_shape)
        for block in self.blocks:
            block.build((*ids_shape, self.embed_dim), memory_shape)
        self.output_bias = self.add_weight(
            shape=(self.vocab_size,), initializer="zeros", name="output_bias", autocast=False
        )
        self.built = True

    def call(self, ids, memory, memory_mask=None, training=None, return_attention_scores=False):
        x, ids_mask, scores = self.dropout(self.embedding(ids)), ops.not_equal(ids, 0), []
        for block in self.blocks:
            x, *both = block(
                x,
                memory,
                inputs_mask=ids_mask,
                memory_mask=memory_mask,
                return_attention_scores=True,
            )
            scores.append(both)
        logits = self._to_logits(x)
        if not return_attention_scores:
            return logits
        return logits, *(ops.stack(weights, axis=1) for weights in zip(*scores, strict=True))

    def start(self, memory: Tensor, memory_mask: Tensor, length: int) -> list[dict[str, Tensor]]:
        """Returns the state before the first token; see `TransformerDecoderBlock.start`."""
        return [block.start(memory, memory_mask, length) for block in self.blocks]

    def step(
        self, ids: Tensor, position: Tensor, state: list[dict[str, Tensor]]
    ) -> tuple[Tensor, list[dict[str, Tensor]]]:
        """Returns the logits `(batch, vocab_size)` after ids `(batch,)`, and the new state."""
        x, states = self.embedding(ids[:, None], offset=position), []
        for block, before in zip(self.blocks, state, strict=True):
            x, after = block.step(x, position, before)
            states.append(after)
        return self._to_logits(x)[:, 0], states

    def _to_logits(self, x):
        # float32 under mixed precision too, for the loss' logarithm.
        tokens = ops.cast(embedding_matrix(self.embedding.token_embedding), x.dtype)
        logits = ops.cast(ops.matmul(x, ops.transpose(tokens)), "float32")
        return logits + self.output_bias

    def compute_output_spec(
        self, ids, memory, memory_mask=None, training=None, return_attention_scores=False
    ):
        (batch, length), keys = ids.shape, memory.shape[1]
        logits = keras.KerasTensor((batch, length, self.vocab_size), dtype="float32")
        if not return_attention_scores:
            return logits
        heads = (batch, self.num_blocks, self.num_heads, length)
        return logits, *(keras.KerasTensor((*heads, n), self.compute_dtype) for n in (length, keys))

    def compute_mask(self, ids, memory=None, previous_mask=None):
        return ops.not_equal(ids, 0)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "maxlen": self.maxlen,
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "ff_dim": self.ff_dim,
            "num_blocks": self.num_blocks,
            "rate": self.rate,
            "positions": self.positions,
        }


def check_heads(num_heads: int, embed_dim: int) -> int:
    """Returns `num_heads` if so many heads share `embed_dim` numbers evenly."""
    check_positive("num_heads", num_heads)
    if embed_dim % num_heads:
        raise ValueError(
            f"`num_heads` must divide embed_dim={embed_dim}. Received: num_heads={num_heads}"
        )
    return num_heads
