"""Word pieces learned from texts."""

from collections.abc import Iterable

from keras_transformers.checkpoints.vocabulary import SPECIAL_TOKENS

# Characters beyond the most frequent ones would each take a place in the vocabulary.
MAX_CHARACTERS = 1000


def learn_vocabulary(
    texts: Iterable[str], vocab_size: int, *, lower_case: bool = True
) -> list[str]:
    """Learns the pieces of a `WordPieceTokenizer` from texts, by Hugging Face's `tokenizers`.

    Beginning with single characters, the pair of neighbouring pieces that is found most often
    becomes a piece of its own, until there are enough (Sennrich et al., 2016, arXiv 1508.07909).

    Args:
        texts: read once, one after the other.
        vocab_size: int, the number of pieces, special tokens included. Few texts give fewer.
        lower_case: bool, whether to lower-case and strip accents.

    Returns:
        The pieces, the five special tokens first and then the others in the order of the alphabet.

    Raises:
        ValueError: if the texts are empty, or `vocab_size` leaves no room for words.

    Example:
        >>> from keras_transformers.text import learn_vocabulary
        >>> learn_vocabulary(["rain and rain and snow"] * 2, 30)[5:9]
        ['##ain', '##d', '##i', '##in']
    """
    from tokenizers.implementations import BertWordPieceTokenizer

    trainer = BertWordPieceTokenizer(lowercase=lower_case)
    trainer.train_from_iterator(
        texts,
        vocab_size,
        limit_alphabet=min(MAX_CHARACTERS, vocab_size // 2),
        special_tokens=list(SPECIAL_TOKENS),
        show_progress=False,
    )
    pieces = trainer.get_vocab().keys() - set(SPECIAL_TOKENS)
    if not pieces:
        raise ValueError("`texts` must hold words to learn pieces from. Received: none")
    # The trainer's own order is another one each time.
    return [*SPECIAL_TOKENS, *sorted(pieces)]
