"""Reversed letters: lengths, seeds, and that no text comes twice."""

import re
from collections import Counter

import numpy as np
import pytest

from keras_transformers.data import reversal_pairs


@pytest.fixture(scope="module")
def pairs():
    return reversal_pairs()


def parts_of(pairs):
    return (
        (pairs.train_sources, pairs.train_targets),
        (pairs.valid_sources, pairs.valid_targets),
        (pairs.test_sources, pairs.test_targets),
    )


def lengths_of(sources):
    return [len(source.split()) for source in sources]


def test_targets_are_the_sources_backwards(pairs):
    for sources, targets in parts_of(pairs):
        for source, target in zip(sources, targets, strict=True):
            letters = source.split(" ")
            assert all(re.fullmatch("[a-z]", letter) for letter in letters)
            assert target.split(" ") == [letters[-i] for i in range(1, len(letters) + 1)]


def test_lengths_are_uniform_in_training_and_validation(pairs):
    counts = Counter(lengths_of(pairs.train_sources))
    assert sorted(counts) == list(range(5, 41))
    expected = 20_000 / 36
    assert max(abs(count - expected) for count in counts.values()) < 5 * np.sqrt(expected)
    assert set(lengths_of(pairs.valid_sources)) == set(range(5, 41))


def test_each_test_length_comes_equally_often(pairs):
    lengths = lengths_of(pairs.test_sources)
    assert Counter(lengths) == dict.fromkeys(range(5, 41, 5), 125)
    assert lengths == sorted(lengths)


def test_letters_are_equally_likely(pairs):
    counts = Counter(letter for source in pairs.train_sources for letter in source.split())
    expected = counts.total() / 26
    assert len(counts) == 26
    assert max(abs(count - expected) for count in counts.values()) < 5 * np.sqrt(expected)


def test_no_text_comes_twice(pairs):
    sources = pairs.train_sources + pairs.valid_sources + pairs.test_sources
    assert len(set(sources)) == len(sources) == 22_000


def test_lengths_and_sizes_are_as_asked_for():
    pairs = reversal_pairs(60, 20, 2, max_length=8, test_lengths=(6, 12), seed=1)
    assert len(pairs.train_sources) == 60
    assert set(lengths_of(pairs.train_sources)) == {5, 6, 7, 8}
    assert len(pairs.valid_sources) == 20
    assert max(lengths_of(pairs.valid_sources)) <= 8
    assert lengths_of(pairs.test_sources) == [6, 6, 12, 12]
    assert str(pairs) == (
        "reversed letters, 5 to 8 of them, seed 1: 60 training, 20 validation and 4 test pairs"
    )


def test_same_seed_same_pairs_other_seed_other_pairs():
    assert reversal_pairs(50, 5, 1, seed=4) == reversal_pairs(50, 5, 1, seed=4)
    assert reversal_pairs(50, 5, 1, seed=4).train_sources != reversal_pairs(50, 5, 1).train_sources


def test_the_test_part_does_not_depend_on_the_others(pairs):
    assert reversal_pairs(10, 10).test_sources == pairs.test_sources


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 0}, "`train` must be a positive integer. Received: train=0"),
        ({"valid": 0}, "`valid` must be a positive integer. Received: valid=0"),
        (
            {"test_per_length": 0},
            "`test_per_length` must be a positive integer. Received: test_per_length=0",
        ),
        ({"max_length": 4, "test_lengths": (5,)}, "Received: max_length=4, test_lengths=(5,)"),
        ({"test_lengths": (10, 4)}, "Received: max_length=40, test_lengths=(10, 4)"),
        ({"test_lengths": ()}, "Received: max_length=40, test_lengths=()"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        reversal_pairs(**arguments)
