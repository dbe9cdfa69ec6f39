"""Token sequences on disk: what went in comes out, and nothing half-written is left."""

import numpy as np
import pytest

from keras_transformers.data import StoredSequences


def test_what_was_written_is_read(tmp_path):
    expected = [[5, 6, 7], [], [70_000]]
    written = StoredSequences.write(tmp_path / "ids", map(np.array, expected))
    for sequences in (written, StoredSequences(tmp_path / "ids")):
        assert [sequence.tolist() for sequence in sequences] == expected
        assert sequences.lengths.tolist() == [3, 0, 1]
        assert len(sequences) == 3
        assert sequences[2].dtype == "int32"


def test_a_writing_that_fails_leaves_nothing(tmp_path):
    def sequences():
        yield np.array([1, 2])
        raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"):
        StoredSequences.write(tmp_path / "ids", sequences())
    assert list(tmp_path.iterdir()) == []
