"""WordPiece vocabularies: the `vocab.txt` of a BERT."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keras_transformers.checkpoints.files import read_text

REQUIRED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
SPECIAL_TOKENS = (*REQUIRED_TOKENS, "[MASK]")


def read_vocabulary(path: Path) -> list[str]:
    """Reads a vocabulary with one piece a line, the first of id 0.

    Raises:
        ValueError: if the file is not UTF-8 text.
    """
    # Not splitlines(): some vocabularies have pieces that it would take for line ends.
    return read_text(path).removesuffix("\n").split("\n")


def check_vocabulary(name: str, vocabulary: Sequence[str]) -> None:
    """Checks that a BERT can work with the pieces of a vocabulary.

    Args:
        name: str, the argument or the file that the pieces are from.
        vocabulary: the pieces in the order of their ids.

    Raises:
        ValueError: if one of `REQUIRED_TOKENS` is missing, the first piece is not `[PAD]`, or a
            piece is there twice.
    """
    lacking = [token for token in REQUIRED_TOKENS if token not in vocabulary]
    if lacking:
        raise ValueError(
            f"`{name}` must contain {', '.join(REQUIRED_TOKENS)}. "
            f"Received: {len(vocabulary)} pieces without {', '.join(lacking)}"
        )
    if vocabulary[0] != "[PAD]":
        raise ValueError(
            f"`{name}` must begin with [PAD], because id 0 is padding. "
            f"Received: [PAD] with id {vocabulary.index('[PAD]')}"
        )
    repeated = [piece for piece, count in Counter(vocabulary).items() if count > 1]
    if repeated:
        raise ValueError(
            f"`{name}` must not contain a piece twice. Received: {repeated[:5]} repeated"
        )
