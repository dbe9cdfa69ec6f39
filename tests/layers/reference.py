"""The layers' equations in NumPy and float64, and what their tests share."""

import inspect
import json
import math

import keras
import numpy as np
from keras import ops

MIXED_TOLERANCE = {"mixed_float16": 1e-2, "mixed_bfloat16": 8e-2}
NOT_POSITIVE_INTEGERS = [0, -1, 2.5, True, "8", None]

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "tanh": np.tanh,
}


def embed(ids, weights):
    """x_t = E[w_t] + P[t]."""
    tokens, positions = (weights[f"{name}_embedding/embeddings"] for name in ("token", "position"))
    return np.stack([[tokens[w] + positions[t] for t, w in enumerate(row)] for row in ids])


def masked_average(x, mask):
    """The mean of the vectors that count; zeros where none does."""
    rows = [
        row[kept].mean(axis=0) if kept.any() else 0 * row[0]
        for row, kept in zip(x, mask, strict=True)
    ]
    return np.stack(rows)


def transformer_block(
    x, weights, num_heads, allowed, activation="relu", norm_first=False, epsilon=1e-6
):
    """The block's output and attention weights; `allowed[b, t, s]`: t may look at s."""

    def norm(name, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def dense(name, x):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def feed_forward(x):
        hidden = ACTIVATIONS[activation](dense("feed_forward_hidden", x))
        return dense("feed_forward_output", hidden)

    if norm_first:
        x_normed = norm("attention_norm", x)
        attended, scores = multi_head_attention(x_normed, weights, num_heads, allowed)
        x = x + attended
        return x + feed_forward(norm("feed_forward_norm", x)), scores
    attended, scores = multi_head_attention(x, weights, num_heads, allowed)
    x = norm("attention_norm", x + attended)
    return norm("feed_forward_norm", x + feed_forward(x)), scores


def multi_head_attention(x, weights, num_heads, allowed, prefix="attention/"):
    """Concatenates softmax(Q K^T / sqrt(d_k)) V of each head and projects it."""

    def project(name, x, part=slice(None)):
        kernel, bias = (weights[f"{prefix}{name}/{kind}"] for kind in ("kernel", "bias"))
        return x @ kernel[:, part] + bias[part]

    key_dim = weights[f"{prefix}query/bias"].size // num_heads
    heads, scores = [], []
    for i in range(num_heads):
        part = slice(i * key_dim, (i + 1) * key_dim)
        q, k, v = (project(name, x, part) for name in ("query", "key", "value"))
        scores.append(masked_softmax(q @ np.swapaxes(k, 1, 2) / math.sqrt(key_dim), allowed))
        heads.append(scores[-1] @ v)
    return project("output", np.concatenate(heads, axis=-1)), np.stack(scores, axis=1)


def masked_softmax(logits, allowed):
    """A softmax over the allowed entries of the last axis; all alike where none is."""
    logits = np.where(allowed.any(-1, keepdims=True), logits, 0)
    allowed = allowed | ~allowed.any(-1, keepdims=True)
    exponentials = np.exp(logits - logits.max(-1, keepdims=True)) * allowed
    return exponentials / exponentials.sum(-1, keepdims=True)


# What the tests share


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
