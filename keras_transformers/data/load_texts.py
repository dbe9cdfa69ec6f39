"""Texts without labels, to pre-train on."""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from keras_transformers.data.load_news import load_news
from keras_transformers.utils import check_texts


@dataclasses.dataclass(frozen=True)
class Texts:
    """Texts that can be gone through as often as wanted, though memory may not hold them.

    Attributes:
        source: str, where they come from.
        read: returns an iterator over the texts, from the first one on.
    """

    source: str
    read: Callable[[], Iterator[str]]

    def __iter__(self) -> Iterator[str]:
        return self.read()

    def __str__(self) -> str:
        return self.source


def as_texts(texts: Texts | Sequence[str]) -> Texts:
    """Returns `Texts` of a sequence of strings; what is `Texts` already stays as it is.

    Their `source` tells them from other ones.

    Raises:
        ValueError: if it is a single string, or holds something that is no string.
    """
    if isinstance(texts, Texts):
        return texts
    texts = check_texts(texts)
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
    return Texts(f"{len(texts):,} texts with the digest {digest}", lambda: iter(texts))


def load_texts(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = "auto") -> Texts:
    """Opens texts without their labels, and prints one line that says which ones.

    Args:
        source: a text file in UTF-8, or several: each line that is not blank is a text, and none
            of them is ever in memory as a whole; or what `load_news` takes, of which these are the
            training texts alone.

    Returns:
        `Texts`. Going through those of files raises a `ValueError` that names file and line where
        one is not UTF-8.

    Raises:
        FileNotFoundError: if a file or directory is missing.

    Example:
        >>> from keras_transformers.data import load_texts
        >>> texts = load_texts("sample")
        Data: bundled sample of fictional news: 800 training and 200 test texts in 4 classes
        >>> sum(1 for _ in texts)
        800
    """
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    if len(sources) == 1 and not Path(sources[0]).is_file():
        news = load_news(sources[0])
        return Texts(
            f"{news.source}, its {len(news.train_texts):,} training texts",
            lambda: iter(news.train_texts),
        )
    paths = [Path(path) for path in sources]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected a text file, found none")
    texts = Texts(", ".join(map(str, paths)), lambda: _lines(paths))
    print(f"Data: the lines of {texts}", flush=True)
    return texts


def _lines(paths):
    for path in paths:
        with open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError as error:
                    byte = error.object[error.start]
                    raise ValueError(
                        f"{path}, line {number}: expected UTF-8 text, found the byte {byte:#04x}"
                    ) from error
                if text:
                    yield text
