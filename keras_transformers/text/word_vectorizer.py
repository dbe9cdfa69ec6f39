"""Texts to word ids."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_transformers.text.encode_texts import BATCH_SIZE, encode_texts
from keras_transformers.text.string_tensor import string_tensor
from keras_transformers.utils import check_positive, check_texts, some


@keras.saving.register_keras_serializable(package="keras_transformers")
class WordVectorizer(keras.layers.Layer):
    """Turns texts into ids of their words; a text is lower-cased and loses its punctuation.

    The vocabulary holds the most frequent words of the texts given to `adapt` and is saved with
    the layer. Id 0 is padding, 1 any word outside the vocabulary. Needs TensorFlow (its string
    operations), whatever Keras' backend is.

    Args:
        vocab_size: int, the number of different ids, those two included.
        maxlen: int, longer texts are cut to their first `maxlen` words.
        vocabulary: optional list of at most `vocab_size - 2` different words, the most frequent
            first; None leaves it to `adapt`.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        texts: string tensor of shape `(batch,)`.

    Returns:
        Integer ids (int64) of shape `(batch, length)`, where `length` is that of the longest text
        in the batch, at least 1 and at most `maxlen`.

    Raises:
        ValueError: if a size is not a positive integer, `vocab_size` below 3 or too small for the
            vocabulary, a word is there twice or not as the layer reads it, or something in `texts`
            is no string.

    Example:
        >>> import tensorflow as tf
        >>> from keras_transformers.text import WordVectorizer
        >>> vectorizer = WordVectorizer(vocab_size=100, maxlen=4)
        >>> vectorizer.adapt(["Rain in the north", "Rain, and more rain, in the south"])
        >>> vectorizer(tf.constant(["No rain in the north!", ""])).numpy().tolist()
        [[1, 2, 4, 3], [0, 0, 0, 0]]
    """

    def __init__(
        self,
        vocab_size: int,
        maxlen: int,
        *,
        vocabulary: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        if vocab_size < 3:
            raise ValueError(
                "`vocab_size` must have room for padding, unknown words and a word. "
                f"Received: vocab_size={vocab_size}"
            )
        self.maxlen = check_positive("maxlen", maxlen)
        self.lookup = keras.layers.TextVectorization(
            max_tokens=vocab_size, standardize="strip_punctuation", name="lookup"
        )
        self.supports_jit = False  # XLA does not compile strings.
        # Strings must come as they are: Keras would make tensors of its backend of them.
        self._convert_input_args = False
        self._allow_non_tensor_positional_args = True
        if vocabulary is not None:
            self._set_vocabulary(check_texts(vocabulary))

    def _set_vocabulary(self, words):
        if not words:
            return
        self.lookup.set_vocabulary(words)
        ids = self(words).numpy()
        found = ids[:, 0] == np.arange(len(words)) + 2
        if ids.shape[1] > 1 or not all(found):
            rows = (ids[:, 1:] != 0).any(axis=1) | ~found
            others = [repr(word) for word, other in zip(words, rows, strict=True) if other]
            raise ValueError(
                "`vocabulary` must hold single words as the layer reads them, in lower case and "
                f"without punctuation. Received: {some(others)}"
            )

    @property
    def vocabulary(self) -> list[str]:
        """The word of each id; `""` for padding, `"[UNK]"` for unknown words."""
        return [str(word) for word in self.lookup.get_vocabulary()]

    def adapt(self, texts: Sequence[str]) -> None:
        """Takes the `vocab_size - 2` most frequent words of `texts` as the vocabulary.

        Raises:
            ValueError: if there are no words, or something is no string.
        """
        import tensorflow as tf

        texts = check_texts(texts)
        if not any(text.strip() for text in texts):
            raise ValueError(f"`texts` must hold words. Received: {len(texts)} texts, all empty")
        # One text at a time, as a dataset that is not batched would give them, takes minutes.
        batches = tf.data.Dataset.from_tensor_slices(texts).batch(BATCH_SIZE)
        self.lookup.adapt(batches.map(_lower))
        if len(self.vocabulary) == 2:  # padding and unknown words
            raise ValueError(f"`texts` must hold words. Received: {len(texts)} texts without any")

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text without padding, for `bucketed_batches`."""
        return encode_texts(texts, self)

    def build(self, input_shape):
        self.built = True

    def call(self, texts):
        import tensorflow as tf

        strings = string_tensor(texts, axes=(1, 2, None))  # TextVectorization takes (batch, 1) too.
        ids = tf.convert_to_tensor(self.lookup(_lower(strings)))[:, : self.maxlen]
        # Even where all texts are empty there must be a position to compute with.
        missing = tf.maximum(1 - tf.shape(ids)[1], 0)
        return tf.pad(ids, [[0, 0], [0, missing]])

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], None), dtype="int64")

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "maxlen": self.maxlen,
            "vocabulary": self.vocabulary[2:],
        }


def _lower(texts):
    import tensorflow as tf

    # A NUL would end a text; the others end a line where Keras reads the vocabulary again.
    texts = tf.strings.regex_replace(texts, r"[\x00\x1c-\x1e\x{85}\x{2028}\x{2029}]", " ")
    # Keras' own standardisation lowers ASCII letters only.
    return tf.strings.lower(texts, encoding="utf-8")
