"""WordPiece vocabularies: the `vocab.txt` of a BERT."""

import os
import string
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keras_transformers.utils import read_text, replacing

REQUIRED_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
SPECIAL_TOKENS = (*REQUIRED_TOKENS, "[MASK]")


def read_vocabulary(path: Path) -> list[str]:
    """Reads a vocabulary with one piece a line, the first of id 0.

    Raises:
        ValueError: if the file is not UTF-8 text.
    """
    # Not splitlines(): some vocabularies have pieces that it would take for line ends.
    return read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")


def write_vocabulary(path: Path, pieces: Sequence[str]) -> None:
    """Writes a vocabulary as `read_vocabulary` reads it."""
    with replacing(path) as temporary:
        temporary.write_text("\n".join(pieces) + "\n", encoding="utf-8")


def check_vocabulary(name: str, vocabulary: Sequence[str]) -> None:
    """Checks that a BERT can work with the pieces, in the order of their ids, of a vocabulary.

    Raises:
        ValueError: if one of `REQUIRED_TOKENS` is missing, the first piece is not `[PAD]`, or a
            piece is there twice. The message begins with `name`, an argument or a file.
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


def write_made_up_vocabulary(directory: Path, size: int) -> Path:
    """Writes a vocabulary of single characters for an encoder of random weights."""
    if size < len(REQUIRED_TOKENS):
        raise ValueError(
            f"`vocab_size` must be at least {len(REQUIRED_TOKENS)}, for "
            f"{', '.join(REQUIRED_TOKENS)}. Received: vocab_size={size}"
        )
    characters = string.ascii_lowercase + string.digits
    tokens = [*SPECIAL_TOKENS, *characters, *(f"##{c}" for c in characters)]
    tokens += [*string.ascii_uppercase, *(f"##{c}" for c in string.ascii_uppercase)]
    tokens += string.punctuation
    tokens += (f"[unused{i}]" for i in range(size - len(tokens)))
    file = directory / "vocab.txt"
    write_vocabulary(file, tokens[:size])
    return file


def check_vocabulary_file(file: str | os.PathLike[str], size: int) -> None:
    """Checks that a vocabulary goes with an encoder of so many token ids."""
    if not Path(file).is_file():
        raise FileNotFoundError(
            "`vocab_file` must be an existing file, a WordPiece vocabulary with one token a line. "
            f"Received: {str(file)!r}"
        )
    tokens = read_vocabulary(Path(file))
    check_vocabulary(str(file), tokens)
    if len(tokens) > size:
        raise ValueError(
            f"`vocab_file` must have at most vocab_size={size} tokens. "
            f"Received: {str(file)!r} with {len(tokens)}"
        )
