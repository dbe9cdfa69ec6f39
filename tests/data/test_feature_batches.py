import numpy as np

from keras_transformers.data import bucketed_batches, feature_batches

ROWS = 23
FEATURES = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
LABELS = np.arange(ROWS, dtype="int32")


def labels_of(batches):
    return [labels.tolist() for *_, labels in batches.as_numpy_iterator()]


def test_every_row_once_with_its_own_label():
    batches = feature_batches(FEATURES, LABELS, batch_size=5, seed=1)
    assert int(batches.cardinality()) == 5
    seen = []
    for vectors, labels in batches.as_numpy_iterator():
        np.testing.assert_array_equal(vectors, FEATURES[labels])
        seen += labels.tolist()
    assert sorted(seen) == LABELS.tolist()
    assert seen != LABELS.tolist()


def test_shuffled_as_sequences_of_a_single_length():
    batches = feature_batches(FEATURES, LABELS, batch_size=5, seed=1)
    sequences = bucketed_batches([[1]] * ROWS, LABELS, batch_size=5, lengths=[1], seed=1)
    first, second = labels_of(batches), labels_of(batches)
    assert first != second
    assert [first, second] == [labels_of(sequences), labels_of(sequences)]
    assert (
        labels_of(feature_batches(FEATURES, LABELS, batch_size=5, seed=1, first_epoch=1)) == second
    )


def test_without_a_seed_in_order():
    batches = labels_of(feature_batches(FEATURES, LABELS, batch_size=10))
    assert batches == [list(range(10)), list(range(10, 20)), list(range(20, 23))]
