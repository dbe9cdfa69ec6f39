"""What the tests of layers have in common."""

import inspect
import json

import keras
import numpy as np
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


def check_layer(
    layer_class, arguments, inputs, predict_in_another_process, sends_mask=None, **call
):
    """Checks what every layer owes, on any backend.

    Args:
        layer_class: the class.
        arguments: dict, all that its constructor takes, none of them at its default.
        inputs: list of arrays, the tensors of a call; their second axis is the length.
        predict_in_another_process: the fixture of that name.
        sends_mask: whether the mask that comes with the first input is sent on; None does not ask.
        **call: further arguments of the call.
    """
    layer = layer_class(**arguments)
    check_config(layer, arguments)
    check_base_arguments(layer_class, arguments)
    expected = [numpy(output) for output in keras.tree.flatten(layer(*inputs, **call))]
    randomise(layer, np.random.default_rng(0))
    check_reload(layer, inputs, predict_in_another_process, **call)
    for policy in MIXED_TOLERANCE:
        check_precision(layer, layer_class, arguments, inputs, policy, **call)
    for known in (False, True):
        check_symbolic_outputs(layer_class(**arguments), inputs, expected, known, **call)
    if sends_mask is not None:
        mask = random_mask(np.random.default_rng(0), *inputs[0].shape[:2])
        outputs = layer(with_implicit_mask(inputs[0], mask), *inputs[1:])
        probed = numpy(MaskProbe()(outputs))
        np.testing.assert_array_equal(probed, mask if sends_mask else numpy(outputs))


def check_base_arguments(layer_class, arguments):
    """Checks that name, dtype and trainable survive a round trip and reach the sub-layers."""
    layer = layer_class(**arguments, name="mine", dtype="mixed_bfloat16", trainable=False)
    again = layer_class.from_config(layer.get_config())
    for copy in (layer, again):
        assert (copy.name, copy.dtype_policy.name, copy.trainable) == (
            "mine",
            "mixed_bfloat16",
            False,
        )
    for part in layer._layers:
        assert part.dtype_policy.name == "mixed_bfloat16", part.name
        assert not part.name[-1].isdigit(), f"{part.name} was named by Keras"


def check_symbolic_outputs(layer, inputs, expected, known_length, **call):
    """Checks that Keras knows shapes and dtypes before anything is computed."""
    symbols = [
        keras.Input((x.shape[1] if known_length else None, *x.shape[2:]), dtype=str(x.dtype))
        for x in inputs
    ]
    outputs = keras.tree.flatten(layer(*symbols, **call))
    for output, real in zip(outputs, expected, strict=True):
        assert output.dtype == "float32"
        assert len(output.shape) == real.ndim
        known = {axis: size for axis, size in enumerate(output.shape) if size is not None}
        assert all(real.shape[axis] == size for axis, size in known.items())
        assert not known_length or len(known) == real.ndim - 1


def check_precision(layer, layer_class, arguments, inputs, policy, **call):
    """Checks half precision against the layer in float32, whose weights it gets."""
    half = layer_class(**arguments, dtype=policy)
    half(*inputs, **call)
    half.set_weights(layer.get_weights())
    assert {w.dtype for w in half.weights} <= {"float32"}
    pairs = zip(
        keras.tree.flatten(half(*inputs, **call)),
        keras.tree.flatten(layer(*inputs, **call)),
        strict=True,
    )
    for given, whole in pairs:
        assert keras.backend.standardize_dtype(given.dtype) == policy.removeprefix("mixed_")
        tolerance = MIXED_TOLERANCE[policy]
        np.testing.assert_allclose(numpy(given), numpy(whole), rtol=tolerance, atol=tolerance)


def check_reload(layer, inputs, predict_in_another_process, **call):
    """Checks that a model with the layer opens in another process and predicts the same."""
    symbols = [keras.Input((None, *x.shape[2:]), dtype=str(x.dtype)) for x in inputs]
    model = keras.Model(symbols, layer(*symbols, **call))
    expected = keras.tree.flatten(model(inputs if len(inputs) > 1 else inputs[0]))
    given = predict_in_another_process(model, *inputs)
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(ours, numpy(theirs), rtol=0, atol=1e-6)
