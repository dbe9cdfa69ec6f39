"""Text to ids and back."""

import base64
import io
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers.text.encode_texts import encode_texts
from keras_transformers.text.string_tensor import string_tensor
from keras_transformers.utils import Tensor, check_positive, check_text, check_texts

if TYPE_CHECKING:
    import tensorflow as tf


PAD_ID, UNKNOWN_ID, START_ID, END_ID = range(4)
UNITS = {"subword": "bpe", "character": "char", "word": "word"}


@keras.saving.register_keras_serializable(package="keras_transformers")
class SentencePieceTokenizer(keras.layers.Layer):
    r"""Turns texts into ids of subwords, characters or words, and ids into the same texts again.

    Kudo and Richardson, 2018 (arXiv 1808.06226), by the library of its authors: blanks are a
    character of the pieces (`▁`), so that a text comes back as it was, punctuation and hyphens
    where they stood. (BERT's word pieces forget where blanks were.) Subwords are those of
    byte-pair encoding (Sennrich et al., 2016, arXiv 1508.07909). Unicode forms of the same letter
    become one (NFKC), several blanks one.

    Id 0 is padding, 1 what is unknown, 2 the start and 3 the end of a text. The layer has no
    weights and carries its pieces in the `.keras` file of a model it is part of. It runs on
    TensorFlow, whatever Keras' backend is.

    Args:
        pieces: bytes, a SentencePiece model whose ids 0 to 3 are as above; `train` makes one.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        texts: string tensor of shape `(batch,)`.

    Returns:
        int32 ids of shape `(batch, length)`, where `length` is that of the longest text, at least
        1; without start and end.

    Raises:
        ValueError: if `pieces` is no such model, or `texts` has another shape or holds something
            that is no string.

    Example:
        >>> from keras_transformers.text import SentencePieceTokenizer
        >>> tokenizer = SentencePieceTokenizer.train(["rain in the north"], unit="word")
        >>> ids = tokenizer(["the rain", "in the north"])
        >>> ids.shape, tokenizer.decode(ids), tokenizer.tokens("the rain")
        (TensorShape([2, 3]), ['the rain', 'in the north'], ['▁the', '▁rain'])
    """

    def __init__(self, pieces: bytes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pieces = pieces
        expected = ["<pad>", "<unk>", "<s>", "</s>"]
        if (found := [self._processor.id_to_piece(i) for i in range(4)]) != expected:
            raise ValueError(f"`pieces` must begin with {expected}. Received: {found}")
        self.supports_jit = False  # XLA does not compile strings.
        # Strings must come as they are, in lists too: Keras would make tensors of its backend of
        # them, and refuse what is no tensor.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    @classmethod
    def train(
        cls, texts: Sequence[str], vocab_size: int = 8000, *, unit: str = "subword", **kwargs: Any
    ) -> "SentencePieceTokenizer":
        """Learns its pieces from texts.

        Args:
            texts: the texts.
            vocab_size: int, at most so many ids. Characters and words beyond are unknown; of
                subwords there are fewer if the texts have fewer.
            unit: `"subword"`, `"character"` or `"word"`, what a piece is.
            **kwargs: `name` and the other arguments of `keras.layers.Layer`.

        Raises:
            ValueError: if something is no text, `unit` is none of the three, there is no text with
                a letter in it, or `vocab_size` is too small for the characters of the texts.
        """
        import sentencepiece

        texts = check_texts(texts)
        check_positive("vocab_size", vocab_size)
        if unit not in UNITS:
            raise ValueError(
                f"`unit` must be 'subword', 'character' or 'word'. Received: unit={unit!r}"
            )
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=model,
                model_type=UNITS[unit],
                vocab_size=vocab_size,
                hard_vocab_limit=False,
                use_all_vocab=unit != "subword",
                character_coverage=1.0,
                pad_id=PAD_ID,
                unk_id=UNKNOWN_ID,
                bos_id=START_ID,
                eos_id=END_ID,
                minloglevel=3,
            )
        except RuntimeError as error:
            raise ValueError(
                "`texts` and `vocab_size` must do for a vocabulary. Received: "
                f"{len(texts)} texts, vocab_size={vocab_size}; SentencePiece says: "
                f"{str(error).splitlines()[-1]}"
            ) from error
        return cls(model.getvalue(), **kwargs)

    @property
    def vocab_size(self) -> int:
        """The number of different ids."""
        return self._processor.vocab_size()

    def call(self, texts):
        import tensorflow as tf

        ids = self._tensorflow().tokenize(string_tensor(texts))
        # Even where all texts are empty there must be a position to compute with.
        longest = tf.maximum(ids.bounding_shape(axis=1, out_type=tf.int32), 1)
        return ids.to_tensor(shape=tf.stack([-1, longest]))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text without padding, for `bucketed_pairs`."""
        return encode_texts(texts, self.__call__)

    def detokenize(self, ids: Tensor) -> "tf.Tensor":
        """Returns the texts of ids `(batch, length)`, a string tensor of shape `(batch,)`.

        What follows the first end or padding of a row does not count.
        """
        import tensorflow as tf

        ended = tf.cumsum(tf.cast((ids == END_ID) | (ids == PAD_ID), tf.int32), axis=1) > 0
        return self._tensorflow().detokenize(tf.ragged.boolean_mask(ids, ~ended))

    def decode(self, ids: Tensor) -> list[str]:
        """Returns the texts of ids `(batch, length)` as a list; see `detokenize`."""
        import tensorflow as tf

        texts = self.detokenize(tf.convert_to_tensor(np.asarray(ids), tf.int32))
        return [text.decode("utf-8") for text in texts.numpy()]

    def tokens(self, text: str) -> list[str]:
        """Returns the pieces of one text."""
        return self._processor.encode(check_text(text), out_type=str)

    @cached_property
    def _processor(self):
        import sentencepiece

        processor = sentencepiece.SentencePieceProcessor()
        try:
            processor.LoadFromSerializedProto(self.pieces)
        except (RuntimeError, TypeError) as error:
            raise ValueError(
                f"`pieces` must be a SentencePiece model. Received: {str(self.pieces)[:40]!r}"
            ) from error
        return processor

    def _tensorflow(self):
        import tensorflow as tf
        import tensorflow_text as tf_text

        # Anew each time: TensorFlow drops one that is kept when a random seed is set.
        return tf_text.SentencepieceTokenizer(self.pieces, out_type=tf.int32)

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], None), dtype="int32")

    def get_config(self):
        return {**super().get_config(), "pieces": base64.b64encode(self.pieces).decode("ascii")}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "pieces": base64.b64decode(config["pieces"])})
