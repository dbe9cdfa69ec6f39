"""What the tests of layers have in common."""

import inspect
import json

import keras
from keras import ops

MIXED_TOLERANCE = {"mixed_float16": 1e-2, "mixed_bfloat16": 8e-2}
NOT_POSITIVE_INTEGERS = [0, -1, 2.5, True, "8", None]


def numpy(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def randomise(layer, rng):
    """Gives a built layer weights that leave nothing at zero or one, biases included."""
    layer.set_weights([rng.normal(0, 0.4, size=w.shape).astype("float32") for w in layer.weights])
    return layer


def weights_of(layer):
    """The weights in float64 by their path inside the layer."""
    return {w.path.split("/", 1)[1]: numpy(w).astype("float64") for w in layer.weights}


def random_mask(rng, *shape):
    """A boolean mask with at least one True in each row."""
    mask = rng.random(shape) < 0.6
    mask[..., 0] |= ~mask.any(axis=-1)
    return mask


def with_implicit_mask(x, mask):
    """The tensor `x`, zero where masked, carrying `mask` as an embedding layer would send it."""
    return keras.layers.Masking()(x * mask[..., None])


class MaskProbe(keras.layers.Layer):
    """Returns the mask that came along with its input."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return inputs if mask is None else ops.cast(mask, "float32")


def check_config(layer, arguments):
    """Checks that `arguments`, which must be all the constructor takes, survive a round trip."""
    parameters = inspect.signature(type(layer).__init__).parameters
    assert set(arguments) == set(parameters) - {"self", "kwargs"}
    assert all(hasattr(layer, name) for name in arguments)

    config = layer.get_config()
    assert {name: config[name] for name in arguments} == arguments
    assert type(layer).from_config(config).get_config() == config

    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    assert saved["registered_name"] == f"keras_transformers>{type(layer).__name__}"
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is type(layer)
    assert again.get_config() == config
