"""Which weights are divided among devices."""

import os
import subprocess
import sys

import numpy as np
import pytest
from keras.distribution import DeviceMesh

from keras_transformers.distribution import layout_map
from keras_transformers.models import (
    BertEncoder,
    masked_language_model,
    transformer_classifier,
    transformer_translator,
)


def mesh(count):
    return DeviceMesh((1, count), ["batch", "model"], np.array([f"cpu:{n}" for n in range(count)]))


def size(weight):
    return np.prod(weight.shape)


MODELS = {
    "classifier": lambda: transformer_classifier(64, 8, 8, 2, 16, 3),
    "masked language model": lambda: masked_language_model(BertEncoder(64, 2, 8, 2, 16, 12)),
    "translator": lambda: transformer_translator(64, 64, 8, 2, 16, num_blocks=2),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_most_of_a_model_is_divided(make):
    model = make()
    layouts = layout_map(model, mesh(2))
    divided = {weight.path: weight for weight in model.weights if layouts[weight.path]}
    for path, weight in divided.items():
        assert len(layouts[path].axes) == len(weight.shape)
    for end in ("token_embedding/embeddings", "attention/query/bias", "attention/output/kernel"):
        assert any(path.endswith(end) for path in divided)
    assert not any(path.endswith(("attention/output/bias", "gamma", "beta")) for path in divided)
    assert sum(map(size, divided.values())) > 0.5 * sum(map(size, model.weights))


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_moments_go_with_their_weights(make):
    model = make()
    model.compile("adam")
    model.optimizer.build(model.trainable_variables)
    layouts = layout_map(model, mesh(2))
    by_path = {weight.path.replace("/", "_"): layouts[weight.path] for weight in model.weights}
    moments = [v for v in model.optimizer.variables if v.path.endswith(("momentum", "velocity"))]
    assert len(moments) == 2 * len(model.trainable_variables)
    for moment in moments:
        weight = moment.path.split("/")[-1].rsplit("_", 1)[0]
        assert layouts[moment.path] is by_path[weight], moment.path


def test_what_does_not_divide_stays_whole():
    layouts = layout_map(transformer_classifier(63, 8, 8, 2, 16, 3), mesh(2))
    assert layouts["embedding/token_embedding/embeddings"] is None
    assert layouts["block_0/attention/query/kernel"].axes == (None, "model")


def test_one_device_has_everything():
    layouts = layout_map(transformer_classifier(64, 8, 8, 2, 16, 3))
    assert layouts["block_0/attention/query/kernel"].device_mesh.shape[0] == 1


MODEL_PARALLEL = """
import keras, numpy as np
from keras_transformers.distribution import layout_map
from keras_transformers.models import transformer_classifier

ids = np.random.default_rng(0).integers(1, 64, (64, 8))

def trained():
    keras.utils.set_random_seed(0)
    model = transformer_classifier(64, 8, 8, 2, 8, 3, rate=0.0)
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    model.fit(ids, ids[:, 0] % 3, batch_size=16, shuffle=False, verbose=0)
    return model

one = trained()
layouts = layout_map(one)
keras.distribution.set_distribution(
    keras.distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
)
two = trained()
kernel = two.get_layer("block_0").attention.query_dense.kernel
assert tuple(kernel.value.sharding.spec) == (None, "model")
for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
    np.testing.assert_allclose(b, a, rtol=0, atol=1e-5)
"""


@pytest.mark.slow
def test_keras_divides_a_model_of_one_s_own_training_by_it():
    env = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", MODEL_PARALLEL]
    subprocess.run(command, env=os.environ | env, check=True)
