"""Batches of pairs: nothing lost, answers one step ahead, little padding, epochs from a seed."""

import re

import numpy as np
import pytest

from keras_transformers.data import bucketed_pairs, load_pairs
from keras_transformers.data.bucketed_pairs import plan_pairs

START, END = 1, 2


def make_pairs(count, seed=0, longest=30):
    """Pairs that tell which they are: every token of source and target is the row's number."""
    rng = np.random.default_rng(seed)
    source_sizes = rng.integers(1, longest + 1, count)
    target_sizes = np.maximum(1, source_sizes + rng.integers(-4, 5, count))
    return (
        [[row + 10] * size for row, size in enumerate(source_sizes)],
        [[row + 10] * size for row, size in enumerate(target_sizes)],
    )


def batches_of(pairs, **options):
    return bucketed_pairs(*pairs, start_id=START, end_id=END, **options)


def epoch_of(dataset):
    return [(s.numpy(), i.numpy(), o.numpy()) for (s, i), o in dataset]


def rows_of(epoch):
    return [int(row[0]) - 10 for source_ids, _, _ in epoch for row in source_ids]


def padding_of(epoch):
    """The share of padding in sources, and in what the decoder is to predict."""
    return [
        sum((batch[side] == 0).sum() for batch in epoch) / sum(batch[side].size for batch in epoch)
        for side in (0, 2)
    ]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("count", [1, 8, 9, 61, 300])
def test_every_pair_comes_once_an_epoch_with_its_answer_one_step_ahead(count, seed):
    sources, targets = make_pairs(count)
    dataset = batches_of((sources, targets), batch_size=8, seed=seed)
    for _ in range(2):
        epoch = epoch_of(dataset)
        assert sorted(rows_of(epoch)) == list(range(count))
        for batch in epoch:
            assert all(ids.dtype == np.int32 for ids in batch)
            for source_ids, input_ids, target_ids in zip(*batch, strict=True):
                row = source_ids[0] - 10
                for ids, expected in (
                    (source_ids, sources[row]),
                    (input_ids, [START, *targets[row]]),
                    (target_ids, [*targets[row], END]),
                ):
                    assert ids.tolist() == expected + [0] * (len(ids) - len(expected))


@pytest.mark.parametrize("seed", [None, 5])
def test_batches_are_padded_to_the_longest_they_hold(seed):
    for batch in epoch_of(batches_of(make_pairs(200), batch_size=16, seed=seed)):
        assert all((ids[:, -1] != 0).any() for ids in batch)


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("count", [1, 16, 17, 131])
def test_at_most_one_batch_is_small(count, seed):
    epoch = epoch_of(batches_of(make_pairs(count), batch_size=16, seed=seed))
    sizes = sorted(len(source_ids) for source_ids, _, _ in epoch)
    assert sizes[1:] == [16] * (len(sizes) - 1)
    assert len(epoch) == -(-count // 16)


def test_cardinality_is_known():
    dataset = batches_of(make_pairs(101), batch_size=10)
    assert int(dataset.cardinality()) == 11 == sum(1 for _ in dataset)


def test_without_seed_pairs_of_the_same_lengths_keep_their_order():
    pairs = [[row + 10] * 3 for row in range(10)]
    dataset = batches_of((pairs, pairs), batch_size=4)
    for _ in range(2):
        assert rows_of(epoch_of(dataset)) == list(range(10))


def test_each_epoch_has_its_own_order_and_its_own_batches():
    dataset = batches_of(make_pairs(400, longest=6), batch_size=10, seed=1)
    first, second = (epoch_of(dataset) for _ in range(2))
    assert rows_of(first) != rows_of(second)
    together = [
        {frozenset(source_ids[:, 0].tolist()) for source_ids, _, _ in epoch}
        for epoch in (first, second)
    ]
    assert len(together[0] & together[1]) <= 1


def test_lengths_are_mixed_within_an_epoch():
    epoch = epoch_of(batches_of(make_pairs(400), batch_size=10, seed=1))
    lengths = [source_ids.shape[1] for source_ids, _, _ in epoch]
    assert abs(np.corrcoef(lengths, np.arange(len(lengths)))[0, 1]) < 0.5


def test_same_seed_same_order_other_seed_other_order():
    pairs = make_pairs(100)
    first, again, other = (
        rows_of(epoch_of(batches_of(pairs, batch_size=10, seed=seed))) for seed in (4, 4, 5)
    )
    assert first == again
    assert first != other


def test_first_epoch_takes_the_order_up():
    pairs = make_pairs(50)
    dataset = batches_of(pairs, batch_size=8, seed=2)
    whole = [rows_of(epoch_of(dataset)) for _ in range(4)]
    later = batches_of(pairs, batch_size=8, seed=2, first_epoch=2)
    assert [rows_of(epoch_of(later)) for _ in range(2)] == whole[2:]


def test_empty_sides_are_kept():
    [(source_ids, input_ids, target_ids)] = epoch_of(batches_of(([[], [5]], [[6], []])))
    assert sorted(source_ids.tolist()) == [[0], [5]]
    assert sorted(input_ids.tolist()) == [[START, 0], [START, 6]]
    assert sorted(target_ids.tolist()) == [[END, 0], [6, END]]


def test_takes_arrays():
    ids = np.random.default_rng(0).integers(3, 50, (6, 4))
    [(source_ids, _, target_ids)] = epoch_of(batches_of((ids, list(ids)), batch_size=6))
    np.testing.assert_array_equal(source_ids, ids)
    np.testing.assert_array_equal(target_ids[:, :-1], ids)


@pytest.mark.parametrize("seed", [None, 0])
def test_little_padding_on_both_sides(seed):
    pairs = make_pairs(8_000)
    source_share, target_share = padding_of(epoch_of(batches_of(pairs, batch_size=64, seed=seed)))
    assert source_share < 0.06
    assert target_share < 0.06


def test_little_padding_where_the_lengths_have_nothing_to_do_with_each_other():
    sources, _ = make_pairs(8_000, seed=0)
    _, targets = make_pairs(8_000, seed=1)
    plan = plan_pairs(sources, targets, 64, np.random.default_rng(0))
    for side, sequences, more in ((0, sources, 0), (1, targets, 1)):
        used = sum(len(sequence) + more for sequence in sequences)
        assert used / sum(lengths[side] * len(rows) for lengths, rows in plan) > 0.9


def test_little_padding_of_real_sentences(translation):
    pairs = load_pairs(translation)
    sources, targets = (
        [[3] * len(text.split()) for text in texts]
        for texts in (pairs.train_sources, pairs.train_targets)
    )
    epoch = epoch_of(batches_of((sources, targets), batch_size=128, seed=0))
    assert sum(len(source_ids) for source_ids, _, _ in epoch) == 28_994
    assert max(padding_of(epoch)) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"sources": [], "targets": []},
            "`sources` must hold at least one sequence. Received: none",
        ),
        (
            {"targets": [[1]]},
            "`targets` must hold one target for each of the sources. "
            "Received: 1 targets, 2 sources",
        ),
        ({"batch_size": 0}, "`batch_size` must be a positive integer. Received: batch_size=0"),
        ({"start_id": 0}, "`start_id` must be a positive integer. Received: start_id=0"),
        ({"end_id": 0}, "`end_id` must be a positive integer. Received: end_id=0"),
    ],
)
def test_wrong_arguments(arguments, message):
    good = {"sources": [[3], [4]], "targets": [[5], [6]], "start_id": START, "end_id": END}
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        bucketed_pairs(**{**good, **arguments})
