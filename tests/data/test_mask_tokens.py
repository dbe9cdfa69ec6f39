"""Masks: how many, which, what becomes of them; fresh ones for each seed."""

import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.data import MaskingVocabulary, mask_tokens

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [f"w{i}" for i in range(60)] + [f"##c{i}" for i in range(40)]
VOCABULARY = MaskingVocabulary.of(SPECIAL + PIECES)
PAD, UNK, CLS, SEP, MASK = range(5)


@pytest.fixture
def ids(rng):
    """Texts of 8 to 58 pieces between [CLS] and [SEP], an unknown word in each, then padding."""
    rows = np.zeros((600, 60), "int32")
    for row, size in zip(rows, rng.integers(8, 59, len(rows)), strict=True):
        row[: size + 2] = [CLS, *rng.integers(5, 5 + len(PIECES), size), SEP]
        row[2] = UNK
    return rows


def masked(ids, seed=(0, 0), **options):
    return [x.numpy() for x in mask_tokens(tf.constant(ids), VOCABULARY, seed, **options)]


def test_what_it_knows_of_a_vocabulary():
    assert VOCABULARY.mask_id == MASK
    assert VOCABULARY.ordinary_ids.tolist() == list(range(5, 105))
    assert np.flatnonzero(VOCABULARY.continues_word).tolist() == list(range(65, 105))


@pytest.mark.parametrize("pieces", [["[PAD]", "a"], ["[PAD]", "[MASK]"]])
def test_vocabulary_must_have_mask_and_words(pieces):
    with pytest.raises(ValueError, match=r"`vocabulary` must contain \[MASK\] and ordinary pieces"):
        MaskingVocabulary.of(pieces)


@pytest.mark.parametrize("rate", [0.15, 0.4])
def test_of_each_text_that_share_is_chosen(ids, rate):
    _, positions, hidden = masked(ids, rate=rate)
    candidates = (ids > MASK).sum(axis=1)
    expected = np.maximum(np.round(rate * candidates), 1)
    np.testing.assert_array_equal((hidden != 0).sum(axis=1), expected)
    assert positions.shape == hidden.shape == (len(ids), expected.max())


def test_answers_are_what_was_there_and_the_rest_is_untouched(ids):
    new, positions, hidden = masked(ids)
    rows = np.arange(len(ids))[:, None]
    exists = hidden != 0
    np.testing.assert_array_equal(ids[rows, positions][exists], hidden[exists])
    np.testing.assert_array_equal(positions[~exists], 0)
    assert (np.diff(positions, axis=1) > 0)[exists[:, 1:]].all()
    untouched = np.ones(ids.shape, bool)
    untouched[np.broadcast_to(rows, positions.shape)[exists], positions[exists]] = False
    np.testing.assert_array_equal(new[untouched], ids[untouched])


def test_special_tokens_and_padding_are_never_chosen_nor_drawn(ids):
    new, _, hidden = masked(ids, rate=0.9)
    assert hidden[hidden != 0].min() > MASK
    changed = new != ids
    assert set(new[changed]) & {PAD, UNK, CLS, SEP} == set()


def test_eight_of_ten_become_masks_one_another_and_one_stays(ids):
    kinds = np.zeros(3)
    for seed in range(10):
        new, positions, hidden = masked(ids, (0, seed))
        exists = hidden != 0
        given = np.take_along_axis(new, positions, axis=1)[exists]
        is_mask, stays = given == MASK, given == hidden[exists]
        kinds += [is_mask.sum(), (~is_mask & ~stays).sum(), stays.sum()]
    # One in a hundred that are drawn is the piece itself.
    expected = np.array([0.8, 0.099, 0.101])
    error = np.sqrt(expected * (1 - expected) / kinds.sum())
    assert (np.abs(kinds / kinds.sum() - expected) < 4 * error).all()


def test_every_position_and_every_other_piece_has_its_chance(ids):
    chosen, drawn = np.zeros(ids.shape[1]), set()
    for seed in range(30):
        new, positions, hidden = masked(ids[ids[:, -1] == SEP], (seed, 0))
        np.add.at(chosen, positions[hidden != 0], 1)
        given = np.take_along_axis(new, positions, axis=1)
        drawn |= set(given[(hidden != 0) & (given != hidden)]) - {MASK}
    inner = chosen[[1, *range(3, 59)]]
    assert chosen[[0, 2, 59]].tolist() == [0, 0, 0]
    assert inner.min() > 0.5 * inner.mean()
    assert inner.max() < 1.6 * inner.mean()
    assert len(drawn) > 60


def test_the_same_seed_gives_the_same_masks_and_another_others(ids):
    first, again, other = (masked(ids, seed) for seed in ((3, 5), (3, 5), (3, 6)))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first[0] != other[0]).mean() > 0.05


def test_whole_words_are_chosen_together(ids):
    _, positions, hidden = masked(ids, whole_words=True)
    continues = np.append(VOCABULARY.continues_word, False)
    for row, chosen, answers in zip(ids, positions, hidden, strict=True):
        chosen = set(chosen[answers != 0].tolist())
        for position in chosen:
            for neighbour in (position - 1, position + 1):
                later = max(position, neighbour)
                # [UNK] is a word of its own, which no piece after it can belong to.
                if continues[row[later]] and row[later - 1] > MASK:
                    assert neighbour in chosen
    wanted = np.round(0.15 * (ids > MASK).sum(axis=1))
    counts = (hidden != 0).sum(axis=1)
    assert (counts >= wanted).all()
    assert counts.mean() < 1.4 * wanted.mean()


def test_a_text_without_words_has_nothing_to_guess():
    new, positions, hidden = masked(np.array([[CLS, SEP, PAD], [CLS, 7, SEP]], "int32"))
    assert positions.tolist() == [[0], [1]]
    assert hidden.tolist() == [[0], [7]]
    assert new[0].tolist() == [CLS, SEP, PAD]


@pytest.mark.parametrize("rate", [0, 1, -0.1, "much"])
def test_rate_must_be_a_share(ids, rate):
    with pytest.raises(ValueError, match="`rate` must be"):
        masked(ids, rate=rate)
