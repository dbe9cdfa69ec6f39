"""Batches by length: nothing lost, nothing twice, little padding, the same for the same seed."""

import itertools

import numpy as np
import pytest

from keras_transformers.data import bucketed_batches
from keras_transformers.data.bucketed_batches import bucket_lengths, pad, plan_batches


def make_sequences(sizes):
    """Sequences that tell which they are: row 6 of size 3 is [7, 7, 7]."""
    return [[row + 1] * size for row, size in enumerate(sizes)]


def random_sizes(count, seed=0, longest=60):
    return np.random.default_rng(seed).integers(1, longest + 1, count).tolist()


def epoch_of(dataset):
    return [(ids.numpy(), labels.numpy()) for ids, labels in dataset]


def rows_of(epoch):
    return [row for _, labels in epoch for row in labels.tolist()]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("count", [1, 8, 61])
@pytest.mark.parametrize("lengths", [None, [60], [4, 9, 33, 60], [10, 20]])
def test_every_example_comes_once_an_epoch(count, lengths, seed):
    sequences = make_sequences(random_sizes(count))
    dataset = bucketed_batches(
        sequences, np.arange(count), batch_size=8, lengths=lengths, seed=seed
    )
    allowed = lengths or bucket_lengths(sequences)
    for _ in range(2):
        epoch = epoch_of(dataset)
        assert sorted(rows_of(epoch)) == list(range(count))
        for ids, labels in epoch:
            assert ids.dtype == np.int32
            assert ids.shape[1] in allowed
            for row, label in zip(ids, labels, strict=True):
                # The label is the row's number, which the ids tell too.
                kept = sequences[label][: allowed[-1]]
                assert row.tolist() == kept + [0] * (ids.shape[1] - len(kept))


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("count", [1, 16, 17, 131])
def test_at_most_one_batch_is_small(count, seed):
    sequences = make_sequences(random_sizes(count, seed=1))
    epoch = epoch_of(
        bucketed_batches(sequences, np.arange(count), batch_size=16, lengths=[8, 30, 60], seed=seed)
    )
    sizes = sorted(len(labels) for _, labels in epoch)
    assert sizes[1:] == [16] * (len(sizes) - 1)
    assert len(epoch) == -(-count // 16)


def test_batches_are_padded_to_their_bucket_only():
    sequences = make_sequences([3] * 20 + [9] * 20 + [30] * 20)
    dataset = bucketed_batches(sequences, np.arange(60), batch_size=10, lengths=[4, 12, 32], seed=0)
    for ids, labels in epoch_of(dataset):
        longest = max(len(sequences[label]) for label in labels)
        assert ids.shape[1] == {3: 4, 9: 12, 30: 32}[longest]


def test_only_what_is_left_over_moves_up():
    sequences = make_sequences([2] * 5 + [6] * 5)
    batches = list(plan_batches(sequences, 4, [4, 8]))
    assert [(length, rows.tolist()) for length, rows in batches] == [
        (4, [0, 1, 2, 3]),
        (8, [4, 5, 6, 7]),
        (8, [8, 9]),
    ]


def test_sequences_are_cut_at_the_last_length():
    [(ids, _)] = epoch_of(bucketed_batches([[1, 2, 3, 4, 5]], [0], lengths=[2, 3]))
    assert ids.tolist() == [[1, 2, 3]]


def test_empty_sequences_are_kept():
    [ids] = bucketed_batches([[], [5], []], batch_size=3)
    assert sorted(ids.numpy().tolist()) == [[0], [0], [5]]


def test_without_seed_the_order_stays():
    sequences = make_sequences([4] * 10)
    dataset = bucketed_batches(sequences, np.arange(10), batch_size=4)
    for _ in range(2):
        assert rows_of(epoch_of(dataset)) == list(range(10))


def test_each_epoch_has_its_own_order_and_its_own_batches():
    sequences = make_sequences(random_sizes(100))
    dataset = bucketed_batches(sequences, np.arange(100), batch_size=10, lengths=[30, 60], seed=1)
    epochs = [epoch_of(dataset) for _ in range(3)]
    for a, b in itertools.combinations(epochs, 2):
        assert rows_of(a) != rows_of(b)
        together = [{frozenset(labels.tolist()) for _, labels in epoch} for epoch in (a, b)]
        assert not together[0] & together[1]


def test_lengths_are_mixed_within_an_epoch():
    sequences = make_sequences([2] * 100 + [40] * 100)
    dataset = bucketed_batches(sequences, np.arange(200), batch_size=5, lengths=[4, 40], seed=1)
    lengths = [ids.shape[1] for ids, _ in epoch_of(dataset)]
    assert lengths != sorted(lengths)
    assert lengths != sorted(lengths, reverse=True)


def test_same_seed_same_order_other_seed_other_order():
    sequences = make_sequences(random_sizes(100))
    first, again, other = (
        rows_of(epoch_of(bucketed_batches(sequences, np.arange(100), batch_size=10, seed=seed)))
        for seed in (4, 4, 5)
    )
    assert first == again
    assert first != other


def test_first_epoch_takes_the_order_up():
    sequences = make_sequences(random_sizes(50))
    options = {"batch_size": 8, "seed": 2}
    dataset = bucketed_batches(sequences, np.arange(50), **options)
    whole = [rows_of(epoch_of(dataset)) for _ in range(4)]
    later = bucketed_batches(sequences, np.arange(50), first_epoch=2, **options)
    assert [rows_of(epoch_of(later)) for _ in range(2)] == whole[2:]


def test_cardinality_is_known():
    sequences = make_sequences(random_sizes(101))
    dataset = bucketed_batches(sequences, batch_size=10, lengths=[5, 25, 60])
    assert int(dataset.cardinality()) == 11 == sum(1 for _ in dataset)


def test_labels_keep_their_dtype_and_shape():
    labels = np.random.default_rng(0).random((5, 3)).astype("float32")
    [(ids, got)] = epoch_of(bucketed_batches(make_sequences([2] * 5), labels, seed=0))
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, labels[ids[:, 0] - 1])


def test_takes_arrays():
    ids = np.random.default_rng(0).integers(1, 50, (6, 4))
    [batch] = bucketed_batches(ids, batch_size=6)
    np.testing.assert_array_equal(batch.numpy(), ids)


def test_every_length_is_a_bucket_unless_fewer_are_wanted():
    assert bucket_lengths(make_sequences([9, 3, 0, 9, 4])) == [1, 3, 4, 9]


@pytest.mark.parametrize(("num_buckets", "most", "least_used"), [(8, 10, 0.8), (1, 3, 0.3)])
def test_bucket_lengths_rise_in_fours_and_hold_the_longest(num_buckets, most, least_used):
    for seed in range(5):
        sizes = (np.random.default_rng(seed).lognormal(3.5, 0.6, 500) + 1).astype(int)
        lengths = bucket_lengths(make_sequences(sizes), num_buckets)
        assert lengths == sorted(set(lengths))
        assert all(length % 4 == 0 for length in lengths)
        assert lengths[-1] - 4 < sizes.max() <= lengths[-1]
        # The point of it all: little padding, few shapes.
        padded = np.array(lengths)[np.searchsorted(lengths, sizes)]
        assert sizes.sum() / padded.sum() > least_used
        assert len(lengths) <= most


def test_pad_cuts_and_fills():
    assert pad([[1, 2, 3], [], [4]], 2).tolist() == [[1, 2], [0, 0], [4, 0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sequences": []}, r"`sequences`.*Received: none"),
        ({"labels": [1]}, r"`labels`.*Received: 1 labels, 2 sequences"),
        ({"batch_size": 0}, r"`batch_size`.*Received: batch_size=0"),
        ({"batch_size": -3}, r"`batch_size`.*Received: batch_size=-3"),
        ({"batch_size": 2.0}, r"`batch_size`.*Received: batch_size=2.0"),
        ({"lengths": []}, r"`lengths`.*Received: \[\]"),
        ({"lengths": [8, 4]}, r"`lengths`.*Received: \[8, 4\]"),
        ({"lengths": [4, 4]}, r"`lengths`.*Received: \[4, 4\]"),
        ({"lengths": [0, 4]}, r"`lengths`.*Received: lengths=0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        bucketed_batches(**{"sequences": [[1], [2]], **arguments})
