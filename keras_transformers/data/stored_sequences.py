"""Token sequences on disk."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from keras_transformers.utils import is_sealed, reading, replacing, seal

IDS, LENGTHS = "ids.bin", "lengths.npy"


class StoredSequences(Sequence[np.ndarray]):
    """Token sequences that are read from disk as they are used; memory holds their lengths alone.

    Args:
        directory: what `StoredSequences.write` wrote.

    Attributes:
        lengths: int32 array of shape `(len(sequences),)`.

    Raises:
        ValueError: if a file is damaged.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        with reading(directory):
            self.lengths: np.ndarray = np.load(Path(directory, LENGTHS))
            self._ends = np.cumsum(self.lengths, dtype="int64")
            self._path = Path(directory, IDS)
            if not all(is_sealed(Path(directory, name)) for name in (IDS, LENGTHS)):
                raise ValueError("its checksum is another")

    @classmethod
    def write(
        cls, directory: str | os.PathLike[str], sequences: Iterable[np.ndarray]
    ) -> "StoredSequences":
        """Writes sequences one after the other; the directory is there only once all are in it."""
        lengths = []
        with replacing(directory) as temporary:
            temporary.mkdir()
            with open(temporary / IDS, "wb") as file:
                for sequence in sequences:
                    file.write(np.asarray(sequence, "int32").tobytes())
                    lengths.append(len(sequence))
            np.save(temporary / LENGTHS, np.array(lengths, "int32"))
            for name in (IDS, LENGTHS):
                seal(temporary / name)
        return cls(directory)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        # Not mapped: what was read of a mapping counts as memory of the process.
        length = int(self.lengths[row])
        return np.fromfile(self._path, "int32", length, offset=4 * (int(self._ends[row]) - length))
