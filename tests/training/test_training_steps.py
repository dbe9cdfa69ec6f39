import inspect
import math
import warnings

import numpy as np
import pytest

from keras_transformers.training.training_steps import training_steps


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs"), [(64, 32, 1), (65, 32, 3), (1, 32, 2), (30_001, 7, 5)]
)
def test_counts_the_batches_one_by_one(rows, batch_size, epochs):
    batches = sum(1 for _ in range(epochs) for _ in range(0, rows, batch_size))
    assert training_steps(rows, batch_size, epochs)[0] == batches


@pytest.mark.parametrize(
    ("warmup", "expected"),
    [(0.1, 93), (0.0, 0), (0.999, 937), (0, 0), (50, 50), (938, 938), (np.int64(7), 7)],
)
def test_warmup_is_a_share_or_a_number_of_steps(warmup, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = training_steps(30_000, 32, 1, warmup)
    assert steps == (938, expected)
    assert all(type(number) is int for number in steps)


def test_a_tenth_is_the_default():
    assert inspect.signature(training_steps).parameters["warmup"].default == 0.1
    assert training_steps(1000, 10, 1) == (100, 10)


def test_warns_where_warmup_is_longer_than_training():
    with pytest.warns(UserWarning, match=r"36000 steps.*938 steps.*2\.6% of its peak"):
        assert training_steps(30_000, 32, 1, warmup=36_000) == (938, 36_000)


@pytest.mark.parametrize("name", ["rows", "batch_size", "epochs"])
@pytest.mark.parametrize("value", [0, -1, 2.0])
def test_refuses_sizes_that_are_not_positive_integers(name, value):
    sizes = {"rows": 100, "batch_size": 10, "epochs": 1, name: value}
    with pytest.raises(ValueError, match=f"`{name}` must be a positive integer"):
        training_steps(**sizes)


@pytest.mark.parametrize("warmup", [-1, -0.1, 1.0, 93.8, math.nan, math.inf, True])
def test_refuses_warmup_that_is_neither_share_nor_count(warmup):
    with pytest.raises(ValueError, match="`warmup` must be a share of training"):
        training_steps(100, 10, 1, warmup)
