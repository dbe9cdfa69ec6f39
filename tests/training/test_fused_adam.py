"""The fused step: the same as Keras' own Adam, whatever the gradients and wherever it runs."""

import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.training import FusedAdam

STEPS = 30
# Keras takes 1 - beta_2 of the Python float, which for 0.999 is 1e-5 off that of the float32.
BETA_2 = float(np.float32(0.999))
START = np.random.default_rng(0).normal(size=(9, 4)).astype("float32")


def gradients(sparse):
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        if not sparse:
            yield tf.constant(rng.normal(size=START.shape), "float32")
            continue
        # Looking up 5 of 9 rows, the first and the last of them the same.
        rows = rng.integers(0, 9, 5)
        rows[-1] = rows[0]
        values = tf.constant(rng.normal(size=(5, 4)), "float32")
        yield tf.IndexedSlices(values, tf.constant(rows), tf.constant(START.shape))


def trained(optimizer, gradients, jit=False):
    weight = keras.Variable(START)
    optimizer.build([weight])
    step = tf.function(lambda g: optimizer.apply([g], [weight]), jit_compile=jit)
    for gradient in gradients:
        step(gradient)
    return weight.numpy()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"amsgrad": True},
        {"global_clipnorm": 0.5},
        {"use_ema": True, "ema_overwrite_frequency": 7},
        {"gradient_accumulation_steps": 3},
    ],
    ids=lambda options: next(iter(options), "default"),
)
@pytest.mark.parametrize("jit", [False, True])
def test_equals_keras(options, jit):
    rate = keras.optimizers.schedules.PolynomialDecay(0.1, STEPS)
    ours, theirs = (
        trained(optimizer(rate, **{"beta_2": BETA_2} | options), gradients(sparse=False), jit)
        for optimizer in (FusedAdam, keras.optimizers.Adam)
    )
    assert np.abs(ours - START).max() > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("options", [{}, {"use_ema": True}], ids=["", "ema"])
def test_adds_up_the_rows_of_an_embeddings_gradient(options):
    ours = trained(FusedAdam(0.1, beta_2=BETA_2, **options), gradients(sparse=True))
    # Keras' own squares each row by itself, so it is given their sum.
    summed = map(tf.convert_to_tensor, gradients(sparse=True))
    theirs = trained(keras.optimizers.Adam(0.1, beta_2=BETA_2, **options), summed)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


def test_trains_under_a_distribution_strategy_as_without():
    strategy = tf.distribute.MirroredStrategy([tf.config.list_logical_devices("CPU")[0].name])
    rng = np.random.default_rng(2)
    x, y = rng.integers(0, 9, (32, 5)), rng.normal(size=(32, 1))

    def weights(scope):
        keras.utils.set_random_seed(0)
        with scope:
            layers = [keras.layers.Embedding(9, 4), keras.layers.Flatten(), keras.layers.Dense(1)]
            model = keras.Sequential([keras.Input((5,)), *layers])
            model.compile(FusedAdam(0.05), "mse")
        model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
        return model.get_weights()

    both = weights(strategy.scope()), weights(contextlib.nullcontext())
    for with_strategy, without in zip(*both, strict=True):
        np.testing.assert_allclose(with_strategy, without, rtol=1e-5, atol=2e-6)


def test_reopens_with_its_state(tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(16, 3)), rng.normal(size=(16, 1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(FusedAdam(0.05), "mse")
    model.fit(x, y, epochs=2, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is FusedAdam
    for each in (model, again):
        each.fit(x, y, epochs=2, verbose=0, shuffle=False)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
