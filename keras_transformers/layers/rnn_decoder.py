"""The recurrent decoder, from ids to the next ones."""

from typing import Any

import keras
from keras import ops

from keras_transformers.layers.bahdanau_attention import BahdanauAttention
from keras_transformers.layers.masks import check_mask_of_keys, merge_masks
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.utils import Tensor, check_positive, check_rate


@keras.saving.register_keras_serializable(package="keras_transformers")
class RNNDecoder(KeepsQuantization, keras.layers.Layer):
    r"""Predicts each token of a sequence by a recurrent network, with attention or without.

    The encoder is a bidirectional network, which gives vectors `h_1` to `h_T`. At each step a GRU
    (Cho et al., 2014, arXiv 1406.1078) with the state `s` reads the token `y` that was last
    written and a context `c`, and the next token is chosen of what both leave behind:

    \[ s_t = \mathrm{GRU}(s_{t-1}, [E y_{t-1}; c_t]), \qquad
       \mathrm{logits}_t = \tanh([s_t; c_t; E y_{t-1}] W_r + b_r) W_o + b_o \]

    Without attention all steps share one context, the last states of both directions, into which
    the whole source has to go (Cho et al.). With attention each step has its own, the vectors that
    the last state asks for (`BahdanauAttention`; Bahdanau et al., 2015, arXiv 1409.0473):

    \[ c_t = c = [\overrightarrow{h}_T; \overleftarrow{h}_1] \qquad \text{or} \qquad
       c_t = \mathrm{Attention}(s_{t-1}, h) \]

    Both begin with `s_0 = tanh(c W_0 + b_0)`. The papers' maxout before the output is a tanh here.

    Like all decoders of this package it has `start` and `step`, by which
    `keras_transformers.decoding` writes.

    Args:
        vocab_size: int, the number of different token ids, padding (0) included.
        embed_dim: int, the length of the token vectors.
        units: int, the length of the state `s`, and of the attention's scoring network.
        attention: None or `"bahdanau"`.
        rate: float in [0, 1), dropout on the token vectors and before the output.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        ids: integer ids of shape `(batch, length)`, 0 = padding: at each position the token that
            comes before the one to be predicted.
        memory: floats of shape `(batch, keys, memory_dim)`, the `h`: one half of the numbers from
            a network that reads forwards, the other from one that reads backwards.
        memory_mask: optional boolean mask of shape `(batch, keys)`, True = attend. Left out, it is
            the mask that was sent along with `memory`.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return the alignment too; with attention only.

    Returns:
        Logits, float32 of shape `(batch, length, vocab_size)`; with
        `return_attention_scores=True` a pair of them and the attention weights, `(batch, length,
        keys)`.

    Raises:
        ValueError: if a size or the rate is out of range, `attention` is neither of the two, or
            attention scores are asked for where there is no attention, or if `memory_mask` is no
            such mask.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import RNNDecoder
        >>> decoder = RNNDecoder(100, embed_dim=16, units=32, attention="bahdanau")
        >>> logits, weights = decoder(
        ...     np.array([[2, 17, 5]]), np.ones((1, 7, 64)), return_attention_scores=True
        ... )
        >>> tuple(logits.shape), tuple(weights.shape)
        ((1, 3, 100), (1, 3, 7))
    """

    def __init__(
        self,
        vocab_size: int,
        embed_dim: int,
        units: int,
        *,
        attention: str | None = None,
        rate: float = 0.1,
        **kwargs: Any,
    ) -> None:
        # Ids stay as they came: one that was cast to a half float would be another id.
        super().__init__(autocast=False, **kwargs)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.embed_dim = check_positive("embed_dim", embed_dim)
        self.units = check_positive("units", units)
        if attention not in (None, "bahdanau"):
            raise ValueError(
                f"`attention` must be None or 'bahdanau'. Received: attention={attention!r}"
            )
        self.attention = attention
        self.rate = check_rate("rate", rate)
        self.supports_masking = True

        options = {"dtype": self.dtype_policy}
        # Keras' own small vectors would take many steps to tell tokens apart.
        self.embedding = keras.layers.Embedding(
            vocab_size,
            embed_dim,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="embedding",
            **options,
        )
        self.dropout = keras.layers.Dropout(rate, name="dropout", **options)
        self.start_dense = keras.layers.Dense(units, activation="tanh", name="start", **options)
        self.cell = keras.layers.GRUCell(units, name="cell", **options)
        self.readout_dense = keras.layers.Dense(
            embed_dim, activation="tanh", name="readout", **options
        )
        # float32 under mixed precision too, for the loss' logarithm.
        self.output_dense = keras.layers.Dense(vocab_size, dtype="float32", name="output")
        if attention:
            self.attention_layer = BahdanauAttention(units, name="attention", **options)

    def build(self, ids_shape, memory_shape):
        batch, width = ids_shape[0], memory_shape[-1]
        self.embedding.build(ids_shape)
        self.start_dense.build((batch, width))
        self.cell.build((batch, self.embed_dim + width))
        self.readout_dense.build((*ids_shape, self.units + width + self.embed_dim))
        if self.attention:
            self.attention_layer.build((batch, 1, self.units), memory_shape)
        self.output_dense.build((*ids_shape, self.embed_dim))
        self.built = True

    def call(self, ids, memory, memory_mask=None, training=None, return_attention_scores=False):
        self._check_scores(return_attention_scores)
        tokens = self.dropout(self.embedding(ids))  # (batch, length, embed_dim)
        start = self.start(memory, memory_mask)

        def read(carry, token):
            carry = self._read(token, carry[0], start)
            return carry, carry

        steps = ops.transpose(tokens, (1, 0, 2))
        first = (start["s"], ops.zeros_like(start["summary"]))
        _, outputs = ops.scan(read, first, steps)
        states, contexts = (ops.transpose(x, (1, 0, 2)) for x in outputs)
        logits = self._to_logits(states, contexts, tokens)
        if not return_attention_scores:
            return logits
        before = ops.concatenate([start["s"][:, None], states[:, :-1]], axis=1)
        return logits, self._attend(before, start)[1]

    def start(
        self, memory: Tensor, memory_mask: Tensor | None = None, length: int | None = None
    ) -> dict[str, Tensor]:
        """Returns the state before the first token, for `step`.

        Args:
            memory: floats of shape `(batch, keys, memory_dim)`.
            memory_mask: boolean of shape `(batch, keys)`, True = attend; None means all.
            length: not needed here.

        Returns:
            A dict of tensors with the batch as first axis.
        """
        if memory_mask is None:
            memory_mask = ops.ones(ops.shape(memory)[:2], "bool")
        check_mask_of_keys(memory_mask, memory, "memory_mask")
        memory_mask = ops.cast(memory_mask, "bool")
        memory = ops.cast(memory, self.compute_dtype)
        summary = _last_of_each_direction(memory, memory_mask)
        state = {"s": self.start_dense(summary), "summary": summary}
        if self.attention:
            keys = self.attention_layer.key_dense(memory)
            state |= {"memory": memory, "keys": keys, "mask": memory_mask}
        return state

    def step(
        self, ids: Tensor, position: Tensor, state: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the logits `(batch, vocab_size)` after ids `(batch,)`, and the new state."""
        token = self.embedding(ids)
        s, context = self._read(token, state["s"], state)
        return self._to_logits(s, context, token), state | {"s": s}

    def _check_scores(self, return_attention_scores):
        if return_attention_scores and not self.attention:
            raise ValueError(
                "`return_attention_scores` must be False for a decoder without attention. "
                "Received: return_attention_scores=True"
            )

    def _read(self, token, s, state):
        """Returns `s_t` and `c_t` from `E y_{t-1}` and `s_{t-1}`."""
        context = self._attend(s[:, None], state)[0][:, 0] if self.attention else state["summary"]
        s, _ = self.cell(ops.concatenate([token, context], axis=-1), [s])
        return s, context

    def _attend(self, queries, state):
        mask = merge_masks(state["mask"])
        return self.attention_layer.attend(queries, state["keys"], state["memory"], mask)

    def _to_logits(self, s, context, token):
        readout = self.readout_dense(ops.concatenate([s, context, token], axis=-1))
        return self.output_dense(self.dropout(readout))

    def compute_output_spec(
        self, ids, memory, memory_mask=None, training=None, return_attention_scores=False
    ):
        self._check_scores(return_attention_scores)
        logits = keras.KerasTensor((*ids.shape, self.vocab_size), dtype="float32")
        if not return_attention_scores:
            return logits
        return logits, keras.KerasTensor((*ids.shape, memory.shape[1]), self.compute_dtype)

    def compute_mask(self, ids, memory=None, previous_mask=None):
        return ops.not_equal(ids, 0)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "embed_dim": self.embed_dim,
            "units": self.units,
            "attention": self.attention,
            "rate": self.rate,
        }


def _last_of_each_direction(memory, mask):
    """Returns where forwards reading and backwards reading end, each half of `memory`'s numbers."""
    length, half = ops.shape(memory)[1], memory.shape[-1] // 2
    positions = ops.arange(length)
    last = ops.max(ops.where(mask, positions, 0), axis=1)
    first = ops.min(ops.where(mask, positions, length - 1), axis=1)

    def at(place):
        chosen = ops.cast(positions == place[:, None], memory.dtype)
        return ops.einsum("bk,bkd->bd", chosen, memory)

    return ops.concatenate([at(last)[:, :half], at(first)[:, half:]], axis=-1)
