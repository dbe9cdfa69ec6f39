"""Letters, and the same letters backwards."""

from collections.abc import Sequence

import numpy as np

from keras_transformers.data.pairs import Pairs
from keras_transformers.utils import check_positive

# Shorter ones are too few for none to come twice.
MIN_LENGTH = 5


def reversal_pairs(
    train: int = 20_000,
    valid: int = 1_000,
    test_per_length: int = 125,
    *,
    max_length: int = 40,
    test_lengths: Sequence[int] = (5, 10, 15, 20, 25, 30, 35, 40),
    seed: int = 0,
) -> Pairs:
    """Generates letters in random order, and the same letters from the last to the first.

    The letters a to z, each as likely as the others, stand apart: "q a x f b". A tokenizer that
    splits at blanks makes of them one token for each letter, so that `len(source.split())` is the
    length a model sees. One that splits into characters works too, but sees the blanks as well.

    No text comes twice, neither within a part nor in two of them.

    Args:
        train: int, number of training pairs, of 5 to `max_length` letters, each length as likely
            as the others.
        valid: int, number of validation pairs, of the same lengths.
        test_per_length: int, number of test pairs of each of `test_lengths`.
        max_length: int, at least 5.
        test_lengths: ints, at least 5, the lengths to measure at; those above `max_length` are
            longer than any in training.
        seed: int, of all that is drawn.

    Returns:
        A `Pairs`, whose test part goes through `test_lengths` in their order.

    Raises:
        ValueError: if a size is not a positive integer, a length is below 5, or there are no
            `test_lengths`.

    Example:
        >>> from keras_transformers.data import reversal_pairs
        >>> pairs = reversal_pairs(train=100, valid=10, test_per_length=1)
        >>> pairs.test_sources[0], pairs.test_targets[0]
        ('j n t x b', 'b x t n j')
    """
    check_positive("train", train)
    check_positive("valid", valid)
    check_positive("test_per_length", test_per_length)
    if not test_lengths or min(max_length, *test_lengths) < MIN_LENGTH:
        raise ValueError(
            f"`max_length` and each of `test_lengths` must be at least {MIN_LENGTH}. "
            f"Received: max_length={max_length}, test_lengths={test_lengths}"
        )
    rng = np.random.default_rng(seed)
    seen = set()
    test_part = _pairs_of(np.repeat(test_lengths, test_per_length), rng, seen)
    valid_part = _pairs_of(rng.integers(MIN_LENGTH, max_length + 1, valid), rng, seen)
    train_part = _pairs_of(rng.integers(MIN_LENGTH, max_length + 1, train), rng, seen)
    source = f"reversed letters, {MIN_LENGTH} to {max_length} of them, seed {seed}"
    return Pairs(*train_part, *valid_part, *test_part, source, "word")


def _pairs_of(lengths, rng, seen):
    words = [_unseen(length, rng, seen) for length in lengths.tolist()]
    return [" ".join(word) for word in words], [" ".join(reversed(word)) for word in words]


def _unseen(length, rng, seen):
    while (letters := rng.integers(ord("a"), ord("z") + 1, length, "uint8").tobytes()) in seen:
        pass
    seen.add(letters)
    return letters.decode("ascii")
