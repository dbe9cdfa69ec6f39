"""A translator with its tokenisers around it."""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_transformers.data.tf_data import MULTIPLE, pad_to_multiple
from keras_transformers.decoding import beam_search
from keras_transformers.models.check_sizes import check_ids
from keras_transformers.models.takes_texts import TakesTexts
from keras_transformers.text.sentence_piece_tokenizer import END_ID, START_ID
from keras_transformers.utils import Tensor, check_positive, check_text, check_texts

# More than any sentence has. The memory that attention takes grows with the square of it.
MAX_SOURCE_TOKENS = 4096


def search(
    model: keras.Model, source_ids: Tensor, beam: int, max_length: int
) -> tuple[Tensor, Tensor]:
    """Writes with a model of `Translator`; returns the ids and their scores, as `beam_search`."""
    return beam_search(
        model.get_layer("decoder"),
        model.get_layer("encoder")(source_ids),
        source_ids != 0,
        beam=beam,
        start_id=START_ID,
        end_id=END_ID,
        max_length=max_length,
    )


class _Search(keras.Model):
    """A search as a model, which Keras compiles."""

    def __init__(self, model, beam, max_length):
        super().__init__()
        self.search = functools.partial(search, model, beam=beam, max_length=max_length)
        self.model = model
        self.built = True

    def call(self, source_ids):
        return self.search(source_ids)


@keras.saving.register_keras_serializable(package="keras_transformers")
class Translator(TakesTexts, keras.Model):
    """Translates texts: a tokeniser, a model that writes, and a tokeniser back to text.

    Vocabularies and weights are all in the one `.keras` file it is saved to.

    Args:
        source_tokenizer: a `SentencePieceTokenizer` of the texts that come in.
        target_tokenizer: one of those that go out; it may be the same.
        model: what `rnn_translator` or `transformer_translator` returns: a model with a layer
            `"encoder"` from source ids, and a layer `"decoder"`.
        max_length: int, the most tokens to write, the end included.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Call arguments:
        texts: string tensor of shape `(batch,)`.
        beam: int, the number of candidates in view, see `beam_search`; 1 takes the likeliest token
            each time.

    Returns:
        The translations, a string tensor of shape `(batch,)`.

    Raises:
        ValueError: if `max_length` or `beam` is not a positive integer, or the model's vocabularies
            are not the tokenisers'.

    Example:
        >>> from keras_transformers.models import Translator, rnn_translator
        >>> from keras_transformers.text import SentencePieceTokenizer
        >>> letters = SentencePieceTokenizer.train(["3 May 2021"], unit="character")
        >>> model = rnn_translator(letters.vocab_size, letters.vocab_size, 8, 16)
        >>> translator = Translator(letters, letters, model, max_length=12)
        >>> len(translator.translate(["2 May 2021", "3 May 2021"]))
        2
    """

    def __init__(
        self,
        source_tokenizer: keras.layers.Layer,
        target_tokenizer: keras.layers.Layer,
        model: keras.Model,
        max_length: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.model = model
        self.max_length = check_positive("max_length", max_length)
        if model.output_shape[-1] != target_tokenizer.vocab_size:
            raise ValueError(
                f"`model` must score the {target_tokenizer.vocab_size} ids of `target_tokenizer`. "
                f"Received: a model that scores {model.output_shape[-1]}"
            )
        check_ids(source_tokenizer, model.get_layer("encoder"), "source_tokenizer")
        self.built = True  # The tokenisers and the model come built.
        # Not a dict, which would be exported with the model.
        self._search = functools.cache(self._make_search)

    def call(self, texts, beam=1):
        ids, _ = search(self.model, self.source_tokenizer(texts), beam, self.max_length)
        return self.target_tokenizer.detokenize(ids)

    def compute_output_spec(self, texts, beam=1):
        return keras.KerasTensor((texts.shape[0],), dtype="string")

    def translate(
        self,
        texts: Sequence[str],
        *,
        beam: int = 1,
        batch_size: int = 128,
        return_scores: bool = False,
        return_alignment: bool = False,
    ) -> list[str] | tuple[Any, ...]:
        """Translates texts; those of like length share a batch.

        Args:
            texts: the texts.
            beam: int, the number of candidates in view.
            batch_size: int, texts in a batch.
            return_scores: bool, whether to return the translations' scores too, see `beam_search`.
            return_alignment: bool, whether to return what `align` gives for each of them too.

        Returns:
            The translations, a list of str; if more is asked for, a tuple of them, their scores,
            float32 of shape `(len(texts),)`, and a list of their alignments, as far as asked for.

        Raises:
            ValueError: if `texts` is a single string, holds what is none or one of more than 4,096
                tokens (or trained positions), a size is not a positive integer, or an alignment is
                asked for where there is no attention.
        """
        texts = check_texts(texts)
        check_positive("beam", beam)
        check_positive("batch_size", batch_size)
        # What is quantized, or has LoRA, has other variables than the search that was compiled.
        search = self._search(beam, *map(id, self.model.variables))
        translations = np.empty(len(texts), object)
        scores = np.zeros(len(texts), "float32")
        order = np.argsort([len(text) for text in texts], kind="stable")
        for begin in range(0, len(texts), batch_size):
            rows = order[begin : begin + batch_size]
            ids, scores[rows] = search(self._source_ids([texts[row] for row in rows]))
            translations[rows] = self.target_tokenizer.decode(ids)
        results = [list(translations)]
        if return_scores:
            results.append(scores)
        if return_alignment:
            results.append([self.align(*pair) for pair in zip(texts, translations, strict=True)])
        return tuple(results) if len(results) > 1 else results[0]

    def _source_ids(self, texts):
        """Returns the padded ids `(batch, length)` of texts that are not too long."""
        ids = self.source_tokenizer(texts)
        if ids.shape[1] > self._source_limit:
            long = texts[np.count_nonzero(ids, axis=1).argmax()]
            raise ValueError(
                f"a text to translate must have at most {self._source_limit:,} tokens; translate "
                f"its sentences one by one. Received: {ids.shape[1]:,} tokens, {long!r:.80}"
            )
        return ids

    @property
    def _source_limit(self):
        # Trained positions end somewhere.
        trained = getattr(self.model.get_layer("decoder"), "maxlen", None)
        return min(MAX_SOURCE_TOKENS, trained or MAX_SOURCE_TOKENS)

    def _make_search(self, beam, *variables):
        if keras.backend.backend() != "tensorflow":
            return self._by_predict(beam)
        import tensorflow as tf

        # One trace for all numbers of texts and lengths.
        return tf.function(
            lambda ids: search(self.model, ids, beam, self.max_length),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )

    def _by_predict(self, beam):
        model = _Search(self.model, beam, self.max_length)

        def run(ids):
            # JAX compiles anew for each length, so that there had better be few.
            ids = pad_to_multiple(ids, MULTIPLE, self._source_limit)
            return model.predict_on_batch(ids.numpy())

        return run

    def align(
        self, text: str, translation: str | None = None
    ) -> tuple[np.ndarray, list[str], list[str]]:
        """Returns what the model looked at in the source while it wrote.

        Args:
            text: the source.
            translation: the text that is written; None lets the model translate.

        Returns:
            The weights, float32 of shape `(..., written, read)`, where `written` are the target's
            tokens and the end, and the axes before it those that the decoder's attention has (none
            in a recurrent network, blocks and heads in a Transformer); the tokens read; the tokens
            written.

        Raises:
            ValueError: if `text` or `translation` is no string, or the decoder has no attention.
        """
        scores, read, written = self.attention_scores(text, translation)
        return scores[-1], read, written

    def attention_scores(
        self, text: str, translation: str | None = None
    ) -> tuple[list[np.ndarray], list[str], list[str]]:
        """Returns the weights of all of the decoder's attentions while it wrote.

        The arguments are those of `align`, and so is the result, except that it begins with a
        list: of a Transformer the weights of its self-attention, float32 of shape `(blocks, heads,
        written, written)`, where it looks at the start and the tokens written before, and those of
        its attention to the source; of a recurrent network the latter alone.

        Raises:
            ValueError: as `align`.
        """
        text, decoder = check_text(text), self.model.get_layer("decoder")
        if getattr(decoder, "attention", "") is None:
            raise ValueError(
                "the translator has no attention, so that there is nothing to align by"
            )
        if translation is None:
            [translation] = self.translate([text])
        check_text(translation, "translation")
        source, target = self._source_ids([text]), self.target_tokenizer([translation])
        target = np.array(target)[:, : len(self.target_tokenizer.tokens(translation))]
        memory = self.model.get_layer("encoder")(source)
        decoder_ids = np.concatenate([[[START_ID]], target], axis=1)
        _, *scores = decoder(
            decoder_ids, memory, memory_mask=source != 0, return_attention_scores=True
        )
        written = [*self.target_tokenizer.tokens(translation), "</s>"]
        scores = [keras.ops.convert_to_numpy(weights[0]) for weights in scores]
        return scores, self.source_tokenizer.tokens(text), written

    def get_config(self):
        return {
            "name": self.name,
            "source_tokenizer": keras.saving.serialize_keras_object(self.source_tokenizer),
            "target_tokenizer": keras.saving.serialize_keras_object(self.target_tokenizer),
            "model": keras.saving.serialize_keras_object(self.model),
            "max_length": self.max_length,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("source_tokenizer", "target_tokenizer", "model"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)
