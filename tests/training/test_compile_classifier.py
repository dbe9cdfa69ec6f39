"""A classifier compiled for training: its results are Keras' own, its step is traced once."""

import keras
import pytest

from keras_transformers.training import FusedAdam
from keras_transformers.training.compile_classifier import compile_classifier


class CountTraces(keras.layers.Layer):
    traces = 0

    def call(self, inputs):
        self.traces += 1
        return inputs


def make_model(counter=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    x = inputs if counter is None else counter(inputs)
    return keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(x))


def make_data(rng):
    return rng.normal(size=(12, 3)).astype("float32"), rng.integers(0, 4, 12)


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_step_is_traced_once(rng, steps_per_execution):
    counter = CountTraces()
    model = make_model(counter)
    compile_classifier(model, FusedAdam(0.1), steps_per_execution=steps_per_execution)
    counter.traces = 0
    model.fit(*make_data(rng), batch_size=2, epochs=2, verbose=0)
    assert counter.traces == 1


def test_trains_as_keras_does(rng):
    x, y = make_data(rng)
    histories = []
    for compiled in (True, False):
        model = make_model()
        if compiled:
            compile_classifier(model, keras.optimizers.SGD(0.1))
        else:
            loss = "sparse_categorical_crossentropy"
            model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
        histories.append(model.fit(x, y, batch_size=5, epochs=3, verbose=0, shuffle=False).history)
    for name in ("accuracy", "loss"):
        assert histories[0][name] == pytest.approx(histories[1][name])
