"""Word pieces learned from texts."""

import itertools
from collections.abc import Iterable

from keras_transformers.checkpoints.vocabulary import SPECIAL_TOKENS
from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer
from keras_transformers.utils import each_text

TEXTS_AT_ONCE = 1024


def learn_vocabulary(
    texts: Iterable[str], vocab_size: int, *, lower_case: bool = True
) -> list[str]:
    """Learns the pieces of a `WordPieceTokenizer` from texts, by TensorFlow Text's trainer.

    It keeps those parts of words that are found often and not merely inside longer ones that it
    keeps (https://www.tensorflow.org/text/guide/subwords_tokenizer has the algorithm). The same
    texts always give the same pieces.

    Args:
        texts: read once, one after the other.
        vocab_size: int, about how many pieces, special tokens included: at most so many, if that
            leaves room for the single characters, and at most 5 % fewer, if there are so many to be
            found.
        lower_case: bool, whether to lower-case and strip accents.

    Returns:
        The pieces: the five special tokens, single characters, then the longer ones, mostly the
        most frequent first.

    Raises:
        ValueError: if there are no words in the texts, or something is no string.

    Example:
        >>> from keras_transformers.text import learn_vocabulary
        >>> learn_vocabulary(["rain and snow and rain"] * 20, 30)[5:16]
        ['a', 'd', 'i', 'n', 'o', 'r', 's', 'w', 'and', 'rain', 'snow']
    """
    from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib as trainer

    tokenizer = WordPieceTokenizer(list(SPECIAL_TOKENS), lower_case=lower_case)
    try:
        counts = trainer.count_words(map(tokenizer.words, batched(each_text(texts), TEXTS_AT_ONCE)))
    except StopIteration as error:
        raise ValueError("`texts` must hold words to learn pieces from. Received: none") from error
    return trainer.learn(counts, vocab_size, list(SPECIAL_TOKENS))


def batched(texts: Iterable[str], size: int) -> Iterable[list[str]]:
    """Yields the texts in lists of `size`, the last one perhaps shorter."""
    texts = iter(texts)
    while batch := list(itertools.islice(texts, size)):
        yield batch
