"""Masks for masked language modelling."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_transformers.utils import Tensor, check_rate

if TYPE_CHECKING:
    import tensorflow as tf


class MaskingVocabulary(NamedTuple):
    """What masking has to know of a WordPiece vocabulary.

    Attributes:
        mask_id: int, the id of `[MASK]`.
        ordinary_ids: int32 array, the ids of all pieces that are no special tokens.
        continues_word: boolean array of shape `(vocab_size,)`, True for pieces such as `##ing`.
    """

    mask_id: int
    ordinary_ids: np.ndarray
    continues_word: np.ndarray

    @classmethod
    def of(cls, vocabulary: Sequence[str]) -> "MaskingVocabulary":
        """Reads it off a vocabulary whose special tokens are those in square brackets.

        Raises:
            ValueError: if `[MASK]` is not in it, or nothing but special tokens.
        """
        special = [
            piece.startswith("[") and piece.endswith("]") and len(piece) > 2 for piece in vocabulary
        ]
        if "[MASK]" not in vocabulary or all(special):
            raise ValueError(
                "`vocabulary` must contain [MASK] and ordinary pieces. "
                f"Received: {len(vocabulary)} pieces, {sum(special)} of them special"
            )
        return cls(
            list(vocabulary).index("[MASK]"),
            np.flatnonzero(~np.array(special)).astype("int32"),
            np.array([piece.startswith("##") for piece in vocabulary]),
        )


def mask_tokens(
    ids: Tensor,
    vocabulary: MaskingVocabulary,
    seed: Tensor,
    *,
    rate: float = 0.15,
    whole_words: bool = False,
) -> tuple["tf.Tensor", "tf.Tensor", "tf.Tensor"]:
    """Hides some tokens of each text, for a model to guess them.

    Devlin et al., 2019 (arXiv 1810.04805), section 3.1 and appendix A.1: of each text 15 % of the
    tokens are chosen, at least one. Of the chosen ones 80 % become `[MASK]`, 10 % another token
    drawn from the vocabulary, and 10 % stay, so that the model has to keep an eye on every token.
    Special tokens and padding are never chosen.

    Args:
        ids: int32 tensor of shape `(batch, length)`, 0 = padding.
        vocabulary: the `MaskingVocabulary` of the tokeniser.
        seed: two integers; the same ones choose the same tokens.
        rate: float in (0, 1), the share of a text's tokens to choose.
        whole_words: bool, whether to choose all pieces of a word together, as later BERTs do.
            Where the last word does not fit in, it is chosen all the same.

    Returns:
        Three int32 tensors: the ids with masks, `(batch, length)`; the chosen positions in rising
        order, `(batch, predictions)`; and the ids that were there, of the same shape. A text with
        fewer than `predictions` chosen tokens is filled up with position 0 and id 0, which
        `MaskedCrossEntropy` leaves out.

    Raises:
        ValueError: if `rate` is not between 0 and 1.

    Example:
        >>> import tensorflow as tf
        >>> from keras_transformers.data import MaskingVocabulary, mask_tokens
        >>> pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cats", "sleep"]
        >>> ids = tf.constant([[2, 5, 6, 3, 0]])
        >>> masked, positions, hidden = mask_tokens(ids, MaskingVocabulary.of(pieces), (0, 0))
        >>> positions.shape, bool(hidden[0, 0] == ids[0, positions[0, 0]])
        (TensorShape([1, 1]), True)
    """
    import tensorflow as tf

    if check_rate("rate", rate) == 0:
        raise ValueError(f"`rate` must be above 0. Received: rate={rate!r}")
    shape = tf.shape(ids)
    draws = tf.random.stateless_uniform(tf.concat([[3], shape], 0), seed)

    ordinary = np.zeros(len(vocabulary.continues_word), bool)
    ordinary[vocabulary.ordinary_ids] = True
    may_be_chosen = tf.gather(ordinary, ids)
    chances = draws[0]
    if whole_words:
        word = tf.cumsum(tf.cast(~tf.gather(vocabulary.continues_word, ids), tf.int32), axis=1)
        chances = tf.gather(chances, tf.minimum(word, shape[1] - 1), batch_dims=1)
    chances = tf.where(may_be_chosen, chances, -1.0)

    candidates = tf.reduce_sum(tf.cast(may_be_chosen, tf.float32), axis=1)
    wanted = tf.cast(tf.maximum(tf.round(rate * candidates), 1.0), tf.int32)
    highest_first = tf.sort(chances, axis=1, direction="DESCENDING")
    lowest_chosen = tf.gather(highest_first, wanted - 1, batch_dims=1)
    chosen = may_be_chosen & (chances >= lowest_chosen[:, None])

    other = tf.cast(draws[2] * len(vocabulary.ordinary_ids), tf.int32)
    masked = tf.where(draws[1] < 0.9, tf.gather(vocabulary.ordinary_ids, other), ids)
    masked = tf.where(draws[1] < 0.8, vocabulary.mask_id, masked)
    masked = tf.where(chosen, masked, ids)

    everywhere = tf.broadcast_to(tf.range(shape[1]), shape)
    positions = tf.ragged.boolean_mask(everywhere, chosen).to_tensor()
    hidden = tf.ragged.boolean_mask(ids, chosen).to_tensor()
    return masked, positions, hidden
