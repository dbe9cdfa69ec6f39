"""Guessing masked tokens."""

from numbers import Integral

import keras
import numpy as np

from keras_transformers.models.masked_language_model import POSITIONS, MaskedLanguageModel
from keras_transformers.utils import check_text

MASK = "[MASK]"


def fill_mask(model: MaskedLanguageModel, text: str, k: int = 5) -> list[list[tuple[str, float]]]:
    """Guesses what stands behind each `[MASK]` of a text, as in BERT's pre-training.

    Devlin et al., 2019 (arXiv 1810.04805), section 3.1; the probabilities are the softmax of the
    logits of `MaskedLMHead`.

    Args:
        model: with a tokeniser, such as `masked_language_model` opens with a checkpoint.
        text: str with at least one `[MASK]`.
        k: int, guesses for each.

    Returns:
        For each `[MASK]`, in the order of the text, the `k` likeliest pieces with their
        probabilities, the likeliest first. A piece that begins with `##` continues a word.

    Raises:
        ValueError: if the model has no tokeniser, `text` is no string, `k` is not from 1 to the
            size of the vocabulary, or no `[MASK]` is among the pieces that the model takes of
            the text.

    Example:
        >>> from keras_transformers.models import fill_mask, masked_language_model
        >>> model = masked_language_model("news-small-bert")
        >>> [guesses] = fill_mask(model, "Oil [MASK] rose to a record high on Monday.", k=2)
        >>> [piece for piece, probability in guesses]
        ['prices', 'futures']
    """
    if model.tokenizer is None:
        raise ValueError(
            "`model` must have a tokeniser, see masked_language_model. Received: one without"
        )
    text, vocabulary = check_text(text), model.tokenizer.vocabulary
    if isinstance(k, bool) or not isinstance(k, Integral) or not 1 <= k <= len(vocabulary):
        raise ValueError(f"`k` must be from 1 to {len(vocabulary)}. Received: k={k!r}")
    inputs = model.tokenizer([text])
    positions = np.flatnonzero(inputs["input_word_ids"][0] == vocabulary.index(MASK))
    if not len(positions):
        raise ValueError(
            f"`text` must contain {MASK} within its first {model.tokenizer.max_length} pieces. "
            f"Received: text={text!r:.80}"
        )
    logits = model({**inputs, POSITIONS: positions[None]}, training=False)[0]
    # In float64: the probabilities of rare pieces are wanted too.
    logits = keras.ops.convert_to_numpy(logits).astype("float64")[:, : len(vocabulary)]
    probabilities = np.exp(logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True))
    best = np.argsort(-probabilities, axis=-1)[:, :k]
    return [
        [(vocabulary[i], float(row[i])) for i in chosen]
        for row, chosen in zip(probabilities, best, strict=True)
    ]
