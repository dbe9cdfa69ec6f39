"""Text to the ids of BERT's word pieces."""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_transformers.checkpoints.find_checkpoint import find_checkpoint
from keras_transformers.checkpoints.vocabulary import (
    SPECIAL_TOKENS,
    check_vocabulary,
    write_vocabulary,
)
from keras_transformers.text.bert_inputs import INPUTS
from keras_transformers.text.encode_texts import encode_texts
from keras_transformers.text.read_tokenizer import MAX_CHARS_PER_WORD, read_tokenizer
from keras_transformers.text.string_tensor import string_tensor
from keras_transformers.text.unicode_classes import (
    ANY_MARK,
    CHINESE,
    CONTROL,
    MARK,
    PUNCTUATION,
    WIDE_SPACE,
    WORD,
    characters,
)
from keras_transformers.utils import Tensor, check_text, replacing

if TYPE_CHECKING:
    import tensorflow as tf


# While a text is normalised, private characters stand for the special tokens found in it.
_PLACEHOLDERS = {token: chr(0x100000 + i) for i, token in enumerate(SPECIAL_TOKENS)}
# What is a word even where there is no blank beside it.
SPLITS: dict[str, str | None] = {"punctuation": PUNCTUATION, "words": WORD, "blanks": None}


@keras.saving.register_keras_serializable(package="keras_transformers")
class WordPieceTokenizer(keras.layers.Layer):
    """Turns texts into BERT's three inputs, within the TensorFlow graph.

    A text is cleaned of control characters, split at white space, at punctuation and around each
    Chinese character, with `lower_case` lower-cased and stripped of accents, and each word is cut
    into the longest pieces of the vocabulary, from its left end on (Devlin et al., 2019, arXiv
    1810.04805, section 3; Wu et al., 2016, arXiv 1609.08144, section 4.1, for word pieces). A word
    without such pieces, or of over 100 characters, becomes `[UNK]`.

    The ids are those of Hugging Face's `tokenizers`, special tokens written out in a text
    (`[MASK]`) included. Results can differ only for characters added after Unicode 8.0 (2015), 95
    capitals and 21 composed letters, and in the order of several accents on one letter. Bytes that
    are not UTF-8 are dropped.

    The layer has no weights and runs on TensorFlow, whatever Keras's backend is: use it in
    `tf.data.Dataset.map`, directly on texts or, with the TensorFlow backend, as the first layer of
    a model, which then carries the vocabulary in its `.keras` file.

    Args:
        vocabulary: list of the different word pieces; the position of a piece is its id. `[UNK]`,
            `[CLS]` and `[SEP]` must be among them, `[PAD]` must be the first; `[MASK]` may be.
            Pieces that continue a word begin with `##`.
        lower_case: bool, whether to lower-case.
        max_length: int, at least 3, the longest sequence to return; longer texts are cut.
        strip_accents: bool or None, whether to strip accents. None does what `lower_case` does;
            `"marks"` strips the marks that take up space too, such as vowels in Devanagari.
        clean_text: bool, whether to drop control characters.
        split_chinese: bool, whether each Chinese character is a word.
        split: `"punctuation"`, where each mark is a word as in BERT; `"words"`, where several marks
            in a row are one; or `"blanks"`, which splits at white space alone.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        texts: strings of shape `(batch,)`, or a tuple `(first, second)` of two such.
        length: optional int from 3 to `max_length`, the length to pad or cut to. Left out, it is
            that of the longest sequence in the batch, at most `max_length`.

    Returns:
        A dict of three int32 tensors of shape `(batch, length)`, named and typed as TensorFlow
        Hub publishes BERT:

        - `input_word_ids`: `[CLS] first [SEP]`, or `[CLS] first [SEP] second [SEP]`, then padding.
          What is too long loses its last pieces, the longer of the two texts first.
        - `input_mask`: 1 = attend, 0 = padding. Integers by BERT's convention; everywhere else in
          this package a mask is boolean.
        - `input_type_ids`: 1 for `second` and the `[SEP]` behind it, 0 elsewhere.

    Raises:
        ValueError: if `vocabulary` repeats a piece or lacks a special token, if `split` is none of
            the three, if `max_length` or `length` is out of range, or if `texts` has another
            shape, holds something that is no string, or is a pair of unequal lengths.

    Example:
        >>> from keras_transformers.text import WordPieceTokenizer
        >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "cat", "##s", "sleep"]
        >>> tokenizer = WordPieceTokenizer(vocabulary)
        >>> tokenizer(["Cats sleep", "A dog"])["input_word_ids"].numpy()
        array([[2, 5, 6, 7, 3],
               [2, 4, 1, 3, 0]], dtype=int32)
        >>> tokenizer.tokens("Cats sleep")
        ['[CLS]', 'cat', '##s', 'sleep', '[SEP]']
    """

    def __init__(
        self,
        vocabulary: list[str],
        *,
        lower_case: bool = True,
        max_length: int = 512,
        strip_accents: bool | str | None = None,
        clean_text: bool = True,
        split_chinese: bool = True,
        split: str = "punctuation",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary = _check_vocabulary(vocabulary)
        self.lower_case = lower_case
        self.max_length = _check_length("max_length", max_length)
        self.strip_accents = strip_accents
        self.clean_text = clean_text
        self.split_chinese = split_chinese
        self.split = _check_split(split)
        self.supports_jit = False  # XLA does not compile strings.
        # Strings must come as they are, in lists too: Keras would make tensors of its backend of
        # them, and refuse what is no tensor.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True

    @classmethod
    def from_pretrained(
        cls, name_or_directory: str | PathLike[str], **kwargs: Any
    ) -> "WordPieceTokenizer":
        r"""Opens the tokeniser of a BERT that Hugging Face, or TensorFlow Hub, published.

        Args:
            name_or_directory: what `BertEncoder.from_pretrained` takes. A directory in Hugging
                Face's layout has to hold `tokenizer.json` or `vocab.txt`; the first is read if
                both are there. `do_lower_case` and `strip_accents` come from
                `tokenizer_config.json` where it has them, then from `tokenizer.json`, and are else
                the constructor's defaults. The normalisers known are none, `BertNormalizer`,
                `Lowercase`, `NFD` with `StripAccents`, and the three of these; the pre-tokenisers
                `BertPreTokenizer`, `Whitespace`, `WhitespaceSplit` and the last with
                `Punctuation`. Others are refused by name.
            **kwargs: arguments of the constructor, which go before those of the files.

        Raises:
            FileNotFoundError: if there is no such checkpoint, or no vocabulary in it.
            ValueError: if a file is malformed, or asks for something else than BERT's word pieces.

        Example:
            >>> import pathlib, tempfile
            >>> from keras_transformers.text import WordPieceTokenizer
            >>> checkpoint = pathlib.Path(tempfile.mkdtemp())
            >>> _ = (checkpoint / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\n##s")
            >>> WordPieceTokenizer.from_pretrained(checkpoint).tokens("Cats")
            ['[CLS]', 'cat', '##s', '[SEP]']
        """
        return cls.from_checkpoint(find_checkpoint(name_or_directory), **kwargs)

    @classmethod
    def from_checkpoint(cls, directory: str | PathLike[str], **kwargs: Any) -> "WordPieceTokenizer":
        """Opens a checkpoint whose local directory is known; otherwise as `from_pretrained`."""
        return cls(**(read_tokenizer(Path(directory)) | kwargs))

    def save_pretrained(self, directory: str | PathLike[str]) -> None:
        """Writes `vocab.txt` and `tokenizer_config.json` as Hugging Face's libraries read them.

        Files of these names are replaced. The directory is made if it does not exist.

        Raises:
            ValueError: if texts are cleaned or split otherwise than by BERT, which these files
                have no words for.
        """
        self._check_is_bert_s()
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.lower_case,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": self.split_chinese,
            "model_max_length": self.max_length,
        }
        write_vocabulary(directory / "vocab.txt", self.vocabulary)
        with replacing(directory / "tokenizer_config.json") as path:
            path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")

    def call(self, texts, length=None):
        import tensorflow_text as tf_text

        limit = self.max_length if length is None else self._check_call_length(length)
        pieces = [self.tokenize(segment) for segment in _segments(texts)]
        pair = len(pieces) == 2
        pieces = _truncate_pair(*pieces, limit - 3) if pair else [pieces[0][:, : limit - 2]]
        ids, type_ids = tf_text.combine_segments(
            pieces, self.vocabulary.index("[CLS]"), self.vocabulary.index("[SEP]")
        )
        return {
            "input_word_ids": ids.to_tensor(shape=(None, length)),
            "input_mask": (ids * 0 + 1).to_tensor(shape=(None, length)),
            "input_type_ids": type_ids.to_tensor(shape=(None, length)),
        }

    def tokenize(self, texts: Tensor) -> "tf.RaggedTensor":
        """Returns the ids of strings `(batch,)` without `[CLS]` and `[SEP]`, uncut.

        They are an int32 `tf.RaggedTensor` of shape `(batch, None)`.
        """
        import tensorflow as tf

        words = self.words(texts)
        too_long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > MAX_CHARS_PER_WORD
        known = tf.where(too_long, _PLACEHOLDERS["[UNK]"], words.flat_values)
        return self._word_pieces.tokenize(words.with_flat_values(known)).merge_dims(1, 2)

    def words(self, texts: Tensor) -> "tf.RaggedTensor":
        """Returns the words of strings `(batch,)` as they are before they are cut into pieces.

        They are strings in a `tf.RaggedTensor` of shape `(batch, None)`, cleaned and lower-cased,
        each punctuation mark a word by itself, private characters in place of special tokens.
        """
        import tensorflow as tf

        expected = "strings of shape (batch,) or a tuple of two such"
        texts = string_tensor(texts, expected=expected)
        return tf.strings.split(self._normalize(texts))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text without padding, for `bucketed_batches`."""
        return encode_texts(texts, lambda batch: self(batch)["input_word_ids"])

    def tokens(self, text: str | tuple[str, str]) -> list[str]:
        """Returns the pieces that BERT sees of one text or pair, `[CLS]` and `[SEP]` included."""
        is_pair = isinstance(text, tuple | list) and len(text) == 2
        texts = tuple([check_text(part)] for part in text) if is_pair else [check_text(text)]
        return [self.vocabulary[i] for i in self(texts)["input_word_ids"][0].numpy()]

    def _normalize(self, texts):
        """Puts spaces between words and gives each character the form the vocabulary has."""
        import tensorflow as tf
        import tensorflow_text as tf_text

        replace = tf.strings.regex_replace
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
        # Placeholders in the text itself become another character that is dropped, but not yet:
        # what stands around them must not join into a special token.
        texts = replace(texts, rf"[{characters('100000-100004')}]", "\x01")
        for token, placeholder in _PLACEHOLDERS.items():
            if token in self.vocabulary:
                texts = replace(texts, re.escape(token), f" {placeholder} ")
        if self.clean_text:
            texts = replace(texts, CONTROL, "")
        if self.lower_case if self.strip_accents is None else self.strip_accents:
            mark = ANY_MARK if self.strip_accents == "marks" else MARK
            texts = replace(tf_text.normalize_utf8(texts, "NFD"), mark, "")
        if self.lower_case:
            # To TensorFlow a NUL is the end.
            texts = replace(texts, r"\x00", "\x01")
            # These are lower-cased by context or by the computer's language, unlike in BERT.
            for letter in "IJΣİÌÍĨĮ":
                texts = replace(texts, letter, letter.lower())
            texts = tf.strings.lower(texts, encoding="utf-8")
        texts = replace(texts, WIDE_SPACE, " ")
        by_itself = "|".join(filter(None, [self.split_chinese and CHINESE, SPLITS[self.split]]))
        return replace(texts, by_itself, r" \0 ") if by_itself else texts

    @cached_property
    def _word_pieces(self):
        import tensorflow as tf
        import tensorflow_text as tf_text

        # Made outside whichever graph comes first, so that every graph can use it.
        with tf.init_scope(), tf.device("CPU"):
            try:
                return tf_text.FastWordpieceTokenizer(
                    [_PLACEHOLDERS.get(piece, piece) for piece in self.vocabulary],
                    max_bytes_per_word=4 * MAX_CHARS_PER_WORD,
                    token_out_type=tf.int32,
                    unknown_token=_PLACEHOLDERS["[UNK]"],
                    no_pretokenization=True,
                )
            except RuntimeError as error:
                raise ValueError(
                    f"`vocabulary` must suit TensorFlow Text. Received: one that fails with {error}"
                ) from error

    def _check_is_bert_s(self):
        if not self.clean_text or self.split != "punctuation" or self.strip_accents == "marks":
            raise ValueError(
                "`clean_text`, `split` and `strip_accents` must be as in BERT to be written. "
                f"Received: clean_text={self.clean_text!r}, split={self.split!r}, "
                f"strip_accents={self.strip_accents!r}"
            )

    def _check_call_length(self, length):
        if _check_length("length", length) > self.max_length:
            raise ValueError(
                f"`length` must be at most max_length={self.max_length}. Received: length={length}"
            )
        return length

    def compute_output_spec(self, texts, length=None):
        batch = _segments(texts)[0].shape[0]
        return {name: keras.KerasTensor((batch, length), dtype="int32") for name in INPUTS}

    def get_config(self):
        return {
            **super().get_config(),
            "vocabulary": list(self.vocabulary),
            "lower_case": self.lower_case,
            "max_length": self.max_length,
            "strip_accents": self.strip_accents,
            "clean_text": self.clean_text,
            "split_chinese": self.split_chinese,
            "split": self.split,
        }


def _segments(texts):
    """Returns the one or two string tensors, or lists of strings, that `texts` consists of."""
    # A saved model hands a tuple on as a list.
    are_tensors = isinstance(texts, list) and all(hasattr(segment, "shape") for segment in texts)
    pair = (isinstance(texts, tuple) or are_tensors) and len(texts) == 2
    if not pair or isinstance(texts[0], str | bytes):
        return [texts]
    # What has no axis is refused later, as is what holds other things than strings.
    first, second = (tuple(np.shape(segment)[:1]) for segment in texts)
    if first != second and not {(None,), ()} & {first, second}:
        raise ValueError(
            "`texts`, if it is a pair, must hold equally many texts on both sides. "
            f"Received: {first[0]} and {second[0]}"
        )
    return texts


def _truncate_pair(first, second, budget):
    """Cuts two ragged tensors to `budget` columns together, the longer one first."""
    import tensorflow as tf

    first_length, second_length = first.row_lengths(), second.row_lengths()
    half = budget // 2
    keep_first = tf.where(
        first_length <= second_length,
        tf.minimum(first_length, half),
        tf.minimum(first_length, budget - tf.minimum(second_length, half)),
    )
    keep_second = tf.minimum(second_length, budget - keep_first)
    return [_first(first, keep_first), _first(second, keep_second)]


def _first(ragged, lengths):
    """Keeps the first `lengths` elements of each row."""
    import tensorflow as tf

    starts = ragged.row_starts()
    return tf.gather(ragged.flat_values, tf.ragged.range(starts, starts + lengths))


def _check_length(name, value):
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 3:
        raise ValueError(f"`{name}` must be an integer of at least 3. Received: {name}={value!r}")
    return int(value)


def _check_split(split):
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {', '.join(SPLITS)}. Received: split={split!r}")
    return split


def _check_vocabulary(vocabulary):
    if not isinstance(vocabulary, list) or not all(isinstance(v, str) for v in vocabulary):
        raise ValueError(
            f"`vocabulary` must be a list of strings. Received: vocabulary={vocabulary!r:.80}"
        )
    check_vocabulary("vocabulary", vocabulary)
    return list(vocabulary)
