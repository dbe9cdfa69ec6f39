"""Training that stops and goes on ends where training that went through does."""

import itertools
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.data import bucketed_batches
from keras_transformers.training import fit
from keras_transformers.training.fit import best_epoch, one_iterator

ROWS, STEPS = 22, 6


def build_model(rate=0.5):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(30, 4),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dropout(rate),
            keras.layers.Dense(3, activation="softmax"),
            keras.layers.Dropout(0.01),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def make_batches(first_epoch):
    rng = np.random.default_rng(0)
    sequences = rng.integers(1, 30, (ROWS, 5))
    labels = rng.integers(0, 3, ROWS)
    return bucketed_batches(sequences, labels, batch_size=4, seed=1, first_epoch=first_epoch)


def train(directory, epochs, batches=make_batches, **options):
    model = build_model()
    history = fit(model, batches, epochs=epochs, directory=directory, verbose=0, **options)
    return model, history


def state_of(model):
    """Weights, and what the optimizer remembers."""
    variables = [*model.weights, *model.optimizer.variables]
    return np.concatenate([np.ravel(keras.ops.convert_to_numpy(v)) for v in variables])


def assert_same_training(got, expected):
    np.testing.assert_allclose(state_of(got[0]), state_of(expected[0]), atol=1e-6)
    for epoch, other in zip(got[1], expected[1], strict=True):
        assert epoch["loss"] == pytest.approx(other["loss"], abs=1e-6)
        assert epoch["steps"][0]["loss"] == pytest.approx(other["steps"][0]["loss"], abs=1e-6)


def files_in(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def uninterrupted(directory):
    return train(directory, epochs=3)


def test_history_has_every_epoch_and_step(uninterrupted):
    _, history = uninterrupted
    assert len(history) == 3
    for epoch in history:
        assert set(epoch) == {"loss", "accuracy", "seconds", "step_ms", "steps"}
        assert 0 < STEPS * epoch["step_ms"] / 1000 < epoch["seconds"]
        assert [step["step"] for step in epoch["steps"]] == list(range(1, STEPS + 1))
        # The last running mean is the epoch's.
        assert epoch["steps"][-1]["loss"] == pytest.approx(epoch["loss"])
    losses = [step["loss"] for step in history[0]["steps"]]
    assert len(set(losses)) == STEPS


def test_equals_keras_fit(uninterrupted):
    model = build_model()
    losses = model.fit(make_batches(0), epochs=3, shuffle=False, verbose=0).history["loss"]
    np.testing.assert_allclose(state_of(uninterrupted[0]), state_of(model), atol=1e-6)
    np.testing.assert_allclose([epoch["loss"] for epoch in uninterrupted[1]], losses, atol=1e-6)


def test_resumed_training_ends_where_the_uninterrupted_does(tmp_path, uninterrupted):
    train(tmp_path, epochs=2)
    assert_same_training(train(tmp_path, epochs=3, resume=True), uninterrupted)


def test_resumed_training_takes_weights_and_optimizer_from_the_directory(tmp_path):
    model, history = train(tmp_path, epochs=1)
    before = files_in(tmp_path)
    other = build_model()
    other.set_weights([w + 1 for w in other.get_weights()])
    kept = fit(other, make_batches, epochs=1, directory=tmp_path, resume=True, verbose=0)
    assert kept == history
    np.testing.assert_array_equal(state_of(other), state_of(model))
    assert files_in(tmp_path) == before  # nothing was left to train


@pytest.mark.parametrize("left", [0, 20, 2000, -30])
def test_resume_of_what_is_damaged_is_refused(tmp_path, left):
    train(tmp_path, epochs=1)
    (tmp_path / "state.npz").write_bytes((tmp_path / "state.npz").read_bytes()[:left])
    with pytest.raises(ValueError, match=f"{tmp_path}: the training kept there is damaged"):
        train(tmp_path, epochs=2, resume=True)


def test_half_an_epoch_is_run_again_as_a_whole(tmp_path, uninterrupted):
    def stopping_batches(first_epoch):
        source, epochs = make_batches(first_epoch), itertools.count(first_epoch)

        def generate():
            epoch = next(epochs)
            for step, batch in enumerate(source.as_numpy_iterator()):
                if (epoch, step) == (1, 3):
                    raise RuntimeError("pulled the plug")
                yield batch

        batches = tf.data.Dataset.from_generator(generate, output_signature=source.element_spec)
        return batches.apply(tf.data.experimental.assert_cardinality(STEPS))

    with pytest.raises(tf.errors.OpError, match="pulled the plug"):
        train(tmp_path, epochs=3, batches=stopping_batches)
    resumed = train(tmp_path, epochs=3, resume=True)
    assert_same_training(resumed, uninterrupted)
    assert [len(epoch["steps"]) for epoch in resumed[1]] == [STEPS] * 3


def test_resume_of_another_model_is_refused(tmp_path):
    train(tmp_path, epochs=1)
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3, activation="softmax")])
    other.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="do not resume it"):
        fit(other, make_batches, epochs=2, directory=tmp_path, resume=True, verbose=0)


@pytest.mark.parametrize("written", range(3))
def test_stopped_before_any_file(tmp_path, uninterrupted, directory, monkeypatch, written):
    """After 0 to 2 files have taken their names; an epoch writes one."""
    replace, count = os.replace, itertools.count()

    def replace_some(source, target):
        if next(count) == written:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_some)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, epochs=3)
    assert len(files_in(tmp_path)) == min(written, 1)
    assert_same_training(train(tmp_path, epochs=3, resume=True), uninterrupted)
    assert files_in(tmp_path).keys() == files_in(directory).keys()


def test_resume_with_nothing_kept_begins(tmp_path, uninterrupted):
    _, history = train(tmp_path / "new", epochs=1, resume=True)
    assert len(history) == 1
    assert history[0]["loss"] == pytest.approx(uninterrupted[1][0]["loss"], abs=1e-6)


def test_without_resume_training_begins_anew(tmp_path):
    _, first = train(tmp_path, epochs=2)
    _, second = train(tmp_path, epochs=1)
    assert len(second) == 1
    assert second[0]["loss"] == pytest.approx(first[0]["loss"], abs=1e-6)
    _, kept = train(tmp_path, epochs=1, resume=True)
    assert kept == second


def test_resumed_where_steps_were_left_out(tmp_path):
    def build():
        model = build_model()
        # The loss overflows until the scale has been halved often enough.
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.Adam(), initial_scale=2.0**127
        )
        model.compile(optimizer, "sparse_categorical_crossentropy", loss_weights=10.0)
        return model

    def train_on(model, directory, **options):
        return fit(model, make_batches, directory=directory, verbose=0, **options)

    whole, parts = build(), build()
    expected = train_on(whole, tmp_path / "whole", epochs=3)
    assert int(whole.optimizer.iterations) < 3 * STEPS
    train_on(build(), tmp_path / "parts", epochs=2)
    history = train_on(parts, tmp_path / "parts", epochs=3, resume=True)
    assert len(history) == len(expected) == 3
    np.testing.assert_allclose(state_of(parts), state_of(whole), atol=1e-6)


def test_resumed_with_an_optimizer_that_was_built_before(tmp_path):
    def build():
        model = build_model()
        optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
        model.compile(optimizer, "sparse_categorical_crossentropy")
        optimizer.build(model.trainable_variables)
        return model

    models = [build() for _ in range(3)]
    for model, epochs, run in zip(models, (3, 2, 3), ("whole", "parts", "parts"), strict=True):
        fit(model, make_batches, epochs=epochs, directory=tmp_path / run, resume=True, verbose=0)
    np.testing.assert_allclose(state_of(models[2]), state_of(models[0]), atol=1e-6)


# --- with validation -------------------------------------------------------------------------


def validation():
    """Texts of random labels: the accuracy on them rises and falls by chance."""
    rng = np.random.default_rng(13)
    return bucketed_batches(rng.integers(1, 30, (60, 5)), rng.integers(0, 3, 60), batch_size=20)


@pytest.fixture(scope="module")
def validated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("validated")
    return train(directory, epochs=6, batches=make_batches, validation=validation())


def test_the_best_epoch_stays(validated):
    model, history = validated
    accuracies = [epoch["val_accuracy"] for epoch in history]
    assert max(accuracies) > accuracies[-1]  # else this would show nothing
    reached = model.evaluate(validation(), verbose=0, return_dict=True)["accuracy"]
    assert reached == pytest.approx(max(accuracies))


def test_the_first_of_the_best_epochs_stays():
    accuracies = [0.5, 0.7, 0.6, 0.7]
    assert best_epoch([{"val_accuracy": accuracy} for accuracy in accuracies]) == 1


@pytest.mark.parametrize("stopped", [1, 4])
def test_resumed_with_validation_keeps_the_best_epoch(tmp_path, validated, stopped):
    train(tmp_path, epochs=stopped, validation=validation())
    model, history = train(tmp_path, epochs=6, resume=True, validation=validation())
    for got, expected in zip(history, validated[1], strict=True):
        assert got["val_accuracy"] == pytest.approx(expected["val_accuracy"])
    for weight, expected in zip(model.get_weights(), validated[0].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


@pytest.mark.parametrize(("at_once", "endless"), [(1, True), (3, True), (4, False)])
def test_steps_executed_at_once_end_with_the_epoch(uninterrupted, tmp_path, at_once, endless):
    model = build_model()
    model.steps_per_execution = at_once
    assert ("steps_per_epoch" in one_iterator(make_batches(0), model)) == endless
    fit(model, make_batches, epochs=3, directory=tmp_path, verbose=0)
    assert int(model.optimizer.iterations) == 3 * STEPS
    np.testing.assert_allclose(state_of(model), state_of(uninterrupted[0]), atol=1e-6)
