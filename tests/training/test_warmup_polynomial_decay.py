import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_transformers.training.warmup_polynomial_decay import WarmupPolynomialDecay

ARGUMENTS = {
    "init_lr": 3e-5,
    "num_train_steps": 200,
    "num_warmup_steps": 20,
    "end_lr": 1e-6,
    "poly_power": 2.0,
    "warmup_power": 1.5,
}


def equation(step, init_lr, num_train_steps, num_warmup_steps, end_lr, poly_power, warmup_power):
    """The rate in float64, case by case."""
    if step < num_warmup_steps:
        return init_lr * (step / num_warmup_steps) ** warmup_power
    remaining = 1 - min(step, num_train_steps) / num_train_steps
    return (init_lr - end_lr) * remaining**poly_power + end_lr


@pytest.mark.parametrize("warmup_steps", [0, 1, 20, 200])
@pytest.mark.parametrize(
    ("end_lr", "poly_power", "warmup_power"), [(0.0, 1.0, 1.0), (1e-6, 2.0, 0.5), (1e-4, 0.5, 3.0)]
)
def test_rate_is_the_equations(warmup_steps, end_lr, poly_power, warmup_power):
    arguments = (3e-5, 200, warmup_steps, end_lr, poly_power)
    schedule = WarmupPolynomialDecay(*arguments, warmup_power=warmup_power)
    expected = [equation(step, *arguments, warmup_power) for step in range(230)]
    rates = np.array([float(schedule(step)) for step in range(230)])
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-12)
    at_once = keras.ops.convert_to_numpy(schedule(np.arange(230)))
    np.testing.assert_allclose(at_once, rates, rtol=1e-6, atol=0)


@pytest.mark.parametrize("warmup_steps", [0, 20, 200])
@pytest.mark.parametrize(("end_lr", "poly_power"), [(0.0, 1.0), (1e-6, 2.0)])
def test_rate_equals_tf_models_official(warmup_steps, end_lr, poly_power):
    optimization = pytest.importorskip("official.nlp.optimization")
    arguments = (3e-5, 200, warmup_steps, end_lr)
    theirs = optimization.create_optimizer(*arguments, poly_power=poly_power).learning_rate
    ours = WarmupPolynomialDecay(*arguments, poly_power)
    np.testing.assert_allclose(
        [float(ours(step)) for step in range(230)],
        [float(theirs(step)) for step in range(230)],
        rtol=1e-6,
        atol=0,
    )


def test_serialisation_round_trip():
    schedule = WarmupPolynomialDecay(**ARGUMENTS)
    assert schedule.get_config() == ARGUMENTS
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(schedule)))
    restored = keras.saving.deserialize_keras_object(config)
    assert type(restored) is WarmupPolynomialDecay
    assert restored.get_config() == ARGUMENTS


def test_rate_is_the_same_on_jax():
    pytest.importorskip("jax")
    script = (
        "import json, keras\n"
        "from keras_transformers.training.warmup_polynomial_decay import WarmupPolynomialDecay\n"
        f"schedule = WarmupPolynomialDecay(**{ARGUMENTS})\n"
        "step = keras.Variable(0, dtype='int32', trainable=False)\n"
        "rates = []\n"
        "for _ in range(230):\n"
        "    rates.append(float(schedule(step)))\n"
        "    step.assign_add(1)\n"
        "print(json.dumps([keras.backend.backend(), rates]))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    name, rates = json.loads(process.stdout.splitlines()[-1])
    assert name == "jax"
    expected = [equation(step, **ARGUMENTS) for step in range(230)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("kind", [np.int64, np.float64, float])
def test_whole_numbers_of_any_type_are_steps(kind):
    schedule = WarmupPolynomialDecay(3e-5, kind(200), kind(20))
    assert (schedule.num_train_steps, schedule.num_warmup_steps) == (200, 20)
    assert type(schedule.num_warmup_steps) is int
    json.dumps(schedule.get_config())


@pytest.mark.parametrize("value", [0.1, 19.5, -1, math.nan, math.inf, True, "20", None])
def test_refuses_warmup_steps_that_are_not_whole(value):
    with pytest.raises(ValueError, match=r"`num_warmup_steps` must be a whole number .*Received"):
        WarmupPolynomialDecay(3e-5, 200, value)


@pytest.mark.parametrize("value", [0, -2, 93.8, None])
def test_refuses_training_steps_that_are_not_whole_and_positive(value):
    with pytest.raises(ValueError, match=r"`num_train_steps` must be a whole number .* 1 or more"):
        WarmupPolynomialDecay(3e-5, value, 0)


def test_refuses_warmup_longer_than_training():
    with pytest.raises(ValueError, match=r"at most `num_train_steps`.*=36000, num_train_steps=938"):
        WarmupPolynomialDecay(3e-5, 938, 36_000)


@pytest.mark.parametrize("value", [0.0, -1e-5, math.nan])
def test_refuses_a_rate_that_is_not_positive(value):
    with pytest.raises(ValueError, match=r"`init_lr` must be positive\. Received"):
        WarmupPolynomialDecay(value, 200, 20)


@pytest.mark.parametrize("name", ["end_lr", "poly_power", "warmup_power"])
@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_refuses_negative_end_and_powers(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must not be negative. Received"):
        WarmupPolynomialDecay(**{**ARGUMENTS, name: value})
