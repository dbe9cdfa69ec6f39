"""BERT as a stack of Transformer blocks."""

from collections.abc import Callable
from os import PathLike
from typing import Any

import keras
from keras import ops

from keras_transformers.checkpoints.find_checkpoint import find_checkpoint
from keras_transformers.checkpoints.read_bert import assign_tensors, read_bert
from keras_transformers.checkpoints.write_bert import write_bert
from keras_transformers.layers import TokenAndPositionEmbedding, TransformerBlock, fast
from keras_transformers.layers.gelu_tanh import gelu_tanh
from keras_transformers.layers.masks import check_mask
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.layers.token_and_position_embedding import embedding_matrix
from keras_transformers.text.bert_inputs import INPUTS
from keras_transformers.utils import Tensor, check_positive, check_rate, reading


@keras.saving.register_keras_serializable(package="keras_transformers")
class BertEncoder(KeepsQuantization, keras.Model):
    r"""BERT: three embeddings, a normalisation and `num_layers` Transformer blocks.

    Devlin et al., 2019 (arXiv 1810.04805), section 3 and figure 2:

    \[ h_0 = \mathrm{LayerNorm}(E_{w} + P_t + S_{s}), \qquad
       h_l = \mathrm{TransformerBlock}_l(h_{l-1}), \qquad
       c = \tanh(h_{L,0} W + b) \]

    with the token matrix `E`, the position matrix `P`, the segment matrix `S` and the pooler's
    `W` and `b`, which see the first position, `[CLS]`. Each head's queries, keys and values have
    `hidden_size // num_heads` numbers.

    Args:
        vocab_size: int, the number of different token ids, padding included.
        num_layers: int, the number of Transformer blocks `L`.
        hidden_size: int, the length of the vector at each position.
        num_heads: int, the number of attention heads in each block; it divides `hidden_size`.
        intermediate_size: int, the width of the feed-forward networks' hidden layer.
        max_positions: int, the longest sequence that has position vectors.
        type_vocab_size: int, the number of segments. With 0, as in DistilBERT (Sanh et al., 2019,
            arXiv 1910.01108), there is no segment matrix.
        dropout: float in [0, 1), dropout on the embeddings and on the output of all sub-layers.
        attention_dropout: float in [0, 1), dropout on the attention weights.
        activation: the feed-forward networks' activation: a Keras name, a callable, or
            "gelu_tanh" for the tanh approximation of GELU.
        epsilon: float, added to the variance in the layer normalisations.
        pooler: bool, whether there is a pooler. Without one, `pooled_output` is `h_{L,0}`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.Model`.

    Call arguments:
        inputs: dict with
            `input_word_ids`, integer ids of shape `(batch, length)`, `length <= max_positions`;
            `input_mask`, optional, boolean or 0/1 of that shape, True = attend, by default
            `input_word_ids != 0`;
            `input_type_ids`, optional, integer segments of that shape, by default 0 everywhere.
        training: optional bool, whether dropout is on.
        return_attention_scores: bool, whether to return every block's attention weights too.
        first_only: bool, whether the last block computes the first position, `[CLS]`, alone.

    Returns:
        Dict of floats in the compute dtype:
        `sequence_output`, `(batch, length, hidden_size)`, without a mask: give it to whatever
        averages over the positions; `pooled_output`, `(batch, hidden_size)`;
        `encoder_outputs`, a list of the like of `sequence_output` for each block;
        `attention_scores`, only on request, a list of `(batch, num_heads, length, length)` for
        each block, whose last axis sums to 1. With `first_only` there is one position instead of
        `length`, and one query, in what the last block computes.

    Raises:
        ValueError: if an argument is out of range, if `num_heads` does not divide `hidden_size`,
            if `inputs` lacks `input_word_ids` or has a key of another name, or if the sequence is
            longer than `max_positions`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.models import BertEncoder
        >>> encoder = BertEncoder(30_522, 4, 128, 2, 512)
        >>> outputs = encoder({"input_word_ids": np.array([[101, 7592, 102, 0]])})
        >>> tuple(outputs["sequence_output"].shape), encoder.count_params()
        ((1, 4, 128), 4782464)
    """

    # Keras would trace the encoder for whatever it is exported in, with floats for the ids.
    _default_save_signature = None

    def __init__(
        self,
        vocab_size: int,
        num_layers: int,
        hidden_size: int,
        num_heads: int,
        intermediate_size: int,
        max_positions: int = 512,
        type_vocab_size: int = 2,
        *,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "gelu",
        epsilon: float = 1e-12,
        pooler: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.num_layers = check_positive("num_layers", num_layers)
        self.hidden_size = check_positive("hidden_size", hidden_size)
        self.num_heads = check_positive("num_heads", num_heads)
        if hidden_size % num_heads:
            raise ValueError(
                f"`num_heads` must divide hidden_size={hidden_size}. Received: {num_heads=}"
            )
        self.intermediate_size = check_positive("intermediate_size", intermediate_size)
        self.max_positions = check_positive("max_positions", max_positions)
        if type_vocab_size != 0:
            check_positive("type_vocab_size", type_vocab_size)
        self.type_vocab_size = type_vocab_size
        self.dropout = check_rate("dropout", dropout)
        self.attention_dropout = check_rate("attention_dropout", attention_dropout)
        activation = gelu_tanh if activation == "gelu_tanh" else activation
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.pooler = pooler

        options = {"dtype": self.dtype_policy}
        self.embedding = TokenAndPositionEmbedding(
            max_positions, vocab_size, hidden_size, mask_zero=False, name="embedding", **options
        )
        self.segment_embedding = self.pooler_dense = None
        if type_vocab_size:
            self.segment_embedding = keras.layers.Embedding(
                type_vocab_size, hidden_size, name="segment_embedding", **options
            )
        self.embedding_norm = fast.LayerNormalization(
            epsilon=epsilon, name="embedding_norm", **options
        )
        self.embedding_dropout = fast.Dropout(dropout, name="embedding_dropout", **options)
        self.blocks = [
            TransformerBlock(
                hidden_size,
                num_heads,
                intermediate_size,
                dropout,
                key_dim=hidden_size // num_heads,
                activation=self.activation,
                attention_dropout=attention_dropout,
                epsilon=epsilon,
                name=f"block_{i}",
                **options,
            )
            for i in range(num_layers)
        ]
        if pooler:  # last, as in optimizers that were saved
            self.pooler_dense = keras.layers.Dense(
                hidden_size, activation="tanh", name="pooler_dense", **options
            )

    def build(self, input_shape=None):
        positions, vectors = (None, None), (None, None, self.hidden_size)
        self.embedding.build(positions)
        if self.segment_embedding:
            self.segment_embedding.build(positions)
        self.embedding_norm.build(vectors)
        for block in self.blocks:
            block.build(vectors)
        if self.pooler_dense:
            self.pooler_dense.build((None, self.hidden_size))
        self.built = True

    def call(self, inputs, training=None, return_attention_scores=False, first_only=False):
        ids, mask, types = self._unpack(inputs)
        x = self.embedding(ids)
        if self.segment_embedding:
            x = x + self._segments(types)
        x = self.embedding_dropout(self.embedding_norm(x), training=training)

        encoder_outputs, attention_scores = [], []
        for block in self.blocks:
            only_first_asks = first_only and block is self.blocks[-1]
            x = block(
                # Not x[:, :1], which in TensorFlow may be no position at all.
                ops.expand_dims(x[:, 0], axis=1) if only_first_asks else x,
                context=x,
                attention_mask=mask,
                training=training,
                return_attention_scores=return_attention_scores,
            )
            if return_attention_scores:
                x, scores = x
                attention_scores.append(scores)
            encoder_outputs.append(x)

        first = x[:, 0]
        outputs = {
            "sequence_output": x,
            "pooled_output": self.pooler_dense(first) if self.pooler_dense else first,
            "encoder_outputs": encoder_outputs,
        }
        if return_attention_scores:
            outputs["attention_scores"] = attention_scores
        return outputs

    def _unpack(self, inputs):
        _check_keys(inputs)
        ids = inputs["input_word_ids"]
        mask = inputs.get("input_mask")
        types = inputs.get("input_type_ids")
        if mask is not None:
            check_mask(mask, name="input_mask")
        mask = ops.not_equal(ids, 0) if mask is None else ops.cast(mask, "bool")
        return ids, mask, types

    def _segments(self, types):
        if types is None:
            # One vector for all positions: broadcasting costs less than looking each up. It is a
            # slice, whose gradient TensorFlow adds up over several devices before it is clipped.
            vectors = embedding_matrix(self.segment_embedding)[:1]
        else:
            vectors = self.segment_embedding(types)
        return ops.cast(vectors, self.compute_dtype)

    def compute_output_spec(
        self, inputs, training=None, return_attention_scores=False, first_only=False
    ):
        _check_keys(inputs)
        batch, length = inputs["input_word_ids"].shape
        lengths = [length] * (self.num_layers - 1) + [1 if first_only else length]

        def floats(*shape):
            return keras.KerasTensor((batch, *shape), dtype=self.compute_dtype)

        encoder_outputs = [floats(queries, self.hidden_size) for queries in lengths]
        scores = [floats(self.num_heads, queries, length) for queries in lengths]
        return {
            "sequence_output": encoder_outputs[-1],
            "pooled_output": floats(self.hidden_size),
            "encoder_outputs": encoder_outputs,
            **({"attention_scores": scores} if return_attention_scores else {}),
        }

    def export(self, filepath: str | PathLike[str], *arguments: Any, **options: Any) -> None:
        """Exports a SavedModel; see `keras.Model.export`.

        It takes all three inputs, int32 of shape `(batch, length)`, and gives `sequence_output` and
        `pooled_output`.
        """
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
        outputs = self(inputs)
        outputs = {name: outputs[name] for name in ("sequence_output", "pooled_output")}
        keras.Model(inputs, outputs).export(filepath, *arguments, **options)

    @classmethod
    def from_pretrained(
        cls, name_or_directory: str | PathLike[str], **kwargs: Any
    ) -> "BertEncoder":
        """Opens a BERT or DistilBERT that Hugging Face, or TensorFlow Hub, published.

        Args:
            name_or_directory: a directory in Hugging Face's layout (`config.json` and
                `model.safetensors`, whole or in shards), a model's name on the Hugging Face Hub,
                downloaded once, or a BERT SavedModel of TensorFlow Hub, its directory or URL.
            **kwargs: constructor arguments to use instead of the checkpoint's.

        Returns:
            The encoder with the checkpoint's weights, and a pooler if the checkpoint has one.
            Heads are left out; `checkpoints.read_bert` has that of masked language modelling.

        Raises:
            FileNotFoundError: if neither directory nor model can be found, or a file is missing.
            ValueError: if the checkpoint is of another kind of model, or tensors are missing,
                surplus or of another shape; the message names them.
        """
        return cls.from_checkpoint(find_checkpoint(name_or_directory), **kwargs)

    @classmethod
    def from_checkpoint(cls, directory: str | PathLike[str], **kwargs: Any) -> "BertEncoder":
        """Opens a checkpoint whose local directory is known; otherwise as `from_pretrained`."""
        checkpoint = read_bert(directory)
        encoder = cls(**{**checkpoint.arguments, **kwargs})
        with reading(directory):
            assign_tensors(encoder, checkpoint.tensors)
        return encoder

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Writes `config.json` and `model.safetensors` as Hugging Face's libraries read them.

        An encoder without segments is written as a DistilBERT, any other as a BERT, in float32.
        Files of these names in the directory are replaced, others are left alone. It is made if
        it does not exist.

        Raises:
            ValueError: if the layout cannot hold the encoder: an activation that it has no name
                for, or no segments together with a pooler or another epsilon than 1e-12; or if
                the directory holds a checkpoint in shards.

        Example:
            >>> import tempfile
            >>> directory = tempfile.mkdtemp()
            >>> BertEncoder(100, 1, 8, 2, 16).save_pretrained(directory)
            >>> BertEncoder.from_pretrained(directory).vocab_size
            100
        """
        write_bert(self, directory)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "num_layers": self.num_layers,
            "hidden_size": self.hidden_size,
            "num_heads": self.num_heads,
            "intermediate_size": self.intermediate_size,
            "max_positions": self.max_positions,
            "type_vocab_size": self.type_vocab_size,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
            "pooler": self.pooler,
        }


def _check_keys(inputs):
    names = sorted(inputs) if isinstance(inputs, dict) else None
    if not names or "input_word_ids" not in names or not set(names) <= set(INPUTS):
        raise ValueError(
            f"`inputs` must be a dict with {INPUTS[0]!r} and, if wanted, {INPUTS[1]!r} and "
            f"{INPUTS[2]!r}. Received: {names or type(inputs).__name__}"
        )
