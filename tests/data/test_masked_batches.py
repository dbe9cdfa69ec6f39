"""Batches for masked language modelling: every row once a pass, fresh masks, taken up anywhere."""

import numpy as np
import pytest

from keras_transformers.data import MaskingVocabulary, StoredSequences, masked_batches

VOCABULARY = MaskingVocabulary.of(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"])


@pytest.fixture
def sequences(tmp_path, rng):
    return StoredSequences.write(
        tmp_path / "sequences",
        ([2, *rng.integers(5, 13, size), 3] for size in rng.integers(1, 9, 50)),
    )


def batches_of(dataset):
    return [(x["input_word_ids"], x["masked_positions"], y) for x, y in dataset.as_numpy_iterator()]


def originals(batches):
    """The texts of the batches before they were masked, sorted."""
    texts = []
    for ids, positions, hidden in batches:
        ids = ids.copy()
        for row, chosen, answers in zip(ids, positions, hidden, strict=True):
            row[chosen[answers != 0]] = answers[answers != 0]
            texts.append(tuple(row[row != 0].tolist()))
    return sorted(texts)


def test_one_pass_has_each_row_once(sequences):
    rows = np.arange(10, 40)
    expected = sorted(tuple(sequences[row].tolist()) for row in rows)
    for options in ({}, {"steps": 4, "seed": 1}):
        dataset = masked_batches(sequences, rows, VOCABULARY, batch_size=8, **options)
        assert len(dataset) == 4
        assert originals(batches_of(dataset)) == expected


def test_like_lengths_go_together(sequences):
    dataset = masked_batches(sequences, np.arange(50), VOCABULARY, batch_size=8, steps=7, seed=0)
    padding = np.mean([np.mean(ids == 0) for ids, _, _ in batches_of(dataset)])
    assert padding < 0.1


def test_every_pass_has_an_order_and_masks_of_its_own(sequences):
    dataset = masked_batches(sequences, np.arange(50), VOCABULARY, batch_size=50, steps=1, seed=0)
    first, second = (batches_of(dataset)[0] for _ in range(2))
    assert originals([first]) == originals([second])
    assert (first[0] != second[0]).any()


def test_taken_up_at_any_step_the_batches_are_the_same(sequences):
    def make(steps, first_step):
        return masked_batches(
            sequences,
            np.arange(50),
            VOCABULARY,
            batch_size=8,
            steps=steps,
            first_step=first_step,
            seed=4,
        )

    whole = batches_of(make(20, 0))
    parts = make(5, 5)
    for begin in (5, 10):  # iterated over again, the dataset goes on
        for ours, theirs in zip(batches_of(parts), whole[begin : begin + 5], strict=True):
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(a, b)


def test_without_a_seed_every_pass_is_the_same(sequences):
    dataset = masked_batches(sequences, np.arange(50), VOCABULARY, batch_size=8)
    for ours, theirs in zip(batches_of(dataset), batches_of(dataset), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_padded_to_a_multiple_they_are_the_same(sequences):
    options = {"batch_size": 8, "steps": 7, "seed": 0}
    plain = batches_of(masked_batches(sequences, np.arange(50), VOCABULARY, **options))
    padded = batches_of(masked_batches(sequences, np.arange(50), VOCABULARY, multiple=4, **options))
    longest = sequences.lengths.max()
    assert longest % 4
    for few, many in zip(plain, padded, strict=True):
        for ours, theirs in zip(few, many, strict=True):
            assert theirs.shape[1] in (4 * -(-ours.shape[1] // 4), longest)
            np.testing.assert_array_equal(theirs[:, : ours.shape[1]], ours)
            assert not theirs[:, ours.shape[1] :].any()
