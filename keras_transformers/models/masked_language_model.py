"""A BERT with the head that it is pre-trained with."""

from os import PathLike
from typing import Any

import keras

from keras_transformers.checkpoints.find_checkpoint import find_checkpoint
from keras_transformers.checkpoints.read_bert import assign_masked_lm, assign_tensors, read_bert
from keras_transformers.checkpoints.write_bert import write_bert
from keras_transformers.layers import MaskedLMHead
from keras_transformers.layers.quantization import quantization, quantize_again
from keras_transformers.layers.token_and_position_embedding import embedding_matrix
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.models.check_sizes import check_ids
from keras_transformers.text.bert_inputs import INPUTS
from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer
from keras_transformers.utils import reading

POSITIONS = "masked_positions"


def masked_language_model(
    encoder: str | PathLike[str] | BertEncoder, tokenizer: WordPieceTokenizer | None = None
) -> "MaskedLanguageModel":
    """Builds a model that guesses masked tokens, to pre-train a BERT or to use a trained one.

    Args:
        encoder: a `BertEncoder`, which gets a new head; or what `BertEncoder.from_pretrained`
            takes, a Hugging Face name or directory or a BERT of TensorFlow Hub, whose own head and
            tokeniser are opened with it.
        tokenizer: the `WordPieceTokenizer` that goes with a `BertEncoder`. Only `fill_mask` needs
            one.

    Returns:
        A `MaskedLanguageModel`.

    Raises:
        FileNotFoundError: if the checkpoint or its vocabulary cannot be found or downloaded.
        ValueError: if it is no BERT, one without a head for masked language modelling, or the
            tokeniser has more pieces than the encoder has vectors.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.models import BertEncoder, masked_language_model
        >>> model = masked_language_model(BertEncoder(100, 2, 8, 2, 16))
        >>> ids, positions = np.ones((1, 6), "int32"), np.array([[2, 4]])
        >>> tuple(model({"input_word_ids": ids, "masked_positions": positions}).shape)
        (1, 2, 100)
    """
    if isinstance(encoder, BertEncoder):
        return MaskedLanguageModel(encoder, tokenizer)
    directory = find_checkpoint(encoder)
    checkpoint = read_bert(directory)
    if not checkpoint.masked_lm:
        raise ValueError(
            "`encoder` must have a head for masked language modelling (cls.predictions.…). "
            f"Received: {str(encoder)!r}, which has none"
        )
    encoder = BertEncoder(**checkpoint.arguments, name="encoder")
    with reading(directory):
        assign_tensors(encoder, checkpoint.tensors)
    tokenizer = tokenizer or WordPieceTokenizer.from_checkpoint(
        directory, max_length=encoder.max_positions, name="tokenizer"
    )
    model = MaskedLanguageModel(encoder, tokenizer)
    with reading(directory):
        assign_masked_lm(model.head, checkpoint.masked_lm)
    return model


@keras.saving.register_keras_serializable(package="keras_transformers")
class MaskedLanguageModel(keras.Model):
    """A `BertEncoder` and a `MaskedLMHead` that shares its token matrix.

    Args:
        encoder: a `BertEncoder`.
        tokenizer: optional, the `WordPieceTokenizer` that goes with it.
        **kwargs: `name` and the other arguments of `keras.Model`; `dtype` is the encoder's.

    Call arguments:
        inputs: dict of what the encoder takes, `input_word_ids` of shape `(batch, length)` and
            the optional two others, and optionally `masked_positions`, integers of shape
            `(batch, predictions)`: the positions to score, by default all.
        training: optional bool, whether dropout is on.

    Returns:
        Logits, floats of shape `(batch, predictions, vocab_size)`.

    Raises:
        ValueError: if the tokeniser has more pieces than the encoder has vectors, or for the
            encoder's inputs and `masked_positions` as `BertEncoder` and `MaskedLMHead`.
    """

    def __init__(
        self, encoder: BertEncoder, tokenizer: WordPieceTokenizer | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": encoder.dtype_policy, **kwargs})
        self.encoder = encoder
        self.tokenizer = tokenizer
        if tokenizer:
            check_ids(tokenizer, encoder)
        self.head = MaskedLMHead(
            encoder.vocab_size,
            encoder.hidden_size,
            activation=encoder.activation,
            epsilon=encoder.epsilon,
            name="head",
            dtype=encoder.dtype_policy,
        )
        if not encoder.built:
            encoder.build()
        self.head.build((None, None, encoder.hidden_size))
        self.built = True

    def call(self, inputs, training=None):
        inputs = dict(inputs)
        positions = inputs.pop(POSITIONS, None)
        vectors = self.encoder(inputs, training=training)["sequence_output"]
        token_matrix = embedding_matrix(self.encoder.embedding.token_embedding)
        return self.head(vectors, token_matrix, positions)

    def compute_output_spec(self, inputs, training=None):
        batch, predictions = inputs.get(POSITIONS, inputs["input_word_ids"]).shape
        shape = (batch, predictions, self.encoder.vocab_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def export(self, filepath: str | PathLike[str], *arguments: Any, **options: Any) -> None:
        """Exports a SavedModel that scores all positions; see `keras.Model.export`.

        It takes the encoder's three inputs, int32 of shape `(batch, length)`.
        """
        inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
        keras.Model(inputs, self(inputs)).export(filepath, *arguments, **options)

    def save_pretrained(self, directory: str | PathLike[str], dtype: str = "float32") -> None:
        """Writes encoder, head and tokeniser in Hugging Face's layout, a `BertForMaskedLM`.

        Args:
            directory: made if it does not exist; files of the same names in it are replaced.
            dtype: `"float32"`, or `"float16"` for a file of half the size.

        Raises:
            ValueError: as `BertEncoder.save_pretrained`.
        """
        write_bert(self.encoder, directory, head=self.head, dtype=dtype)
        if self.tokenizer:
            self.tokenizer.save_pretrained(directory)

    def get_config(self):
        parts = {"encoder": self.encoder, "tokenizer": self.tokenizer}
        return {
            "name": self.name,
            **{name: keras.saving.serialize_keras_object(part) for name, part in parts.items()},
            "head_quantization": quantization(self.head),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        head_quantization = config.pop("head_quantization", {})
        for part in ("encoder", "tokenizer"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        model = cls(**config)
        quantize_again(model.head, head_quantization)
        return model
