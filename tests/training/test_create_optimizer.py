import inspect
import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.training.create_optimizer import create_optimizer

STEPS = 200
# The rate at which weights move visibly in 200 steps: LAMB's is relative to their norm.
RATES = {"adamw": 3e-5, "lamb": 1e-3}


@pytest.fixture(scope="module")
def official():
    return pytest.importorskip("official.nlp.optimization")


@pytest.fixture(scope="module")
def small_bert():
    """Names and shapes of the weights of BERT, 4 layers of 128, as tf-models-official has them."""
    networks = pytest.importorskip("official.nlp.modeling.networks")
    encoder = networks.BertEncoderV2(
        vocab_size=30_522,
        hidden_size=128,
        num_layers=4,
        num_attention_heads=2,
        inner_dim=512,
        type_vocab_size=2,
    )
    encoder(encoder.inputs)
    assert encoder.count_params() == 4_782_464
    return [(weight.name, tuple(weight.shape)) for weight in encoder.trainable_weights]


@pytest.fixture
def with_policy():
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def initial_weights(names_and_shapes, rng):
    return [
        np.full(shape, "gamma" in name, "float32")
        if name.endswith(("gamma:0", "beta:0", "bias:0"))
        else rng.normal(0, 0.02, shape).astype("float32")
        for name, shape in names_and_shapes
    ]


def gradients_of_all_sizes(shapes, rng):
    """Yields gradients of norms from far below 1 to far above, no two steps the same."""
    sets = [[rng.normal(size=shape).astype("float32") for shape in shapes] for _ in range(5)]
    for step in range(STEPS):
        scale = np.float32(10 ** rng.uniform(-5, 0))
        yield [scale * gradient for gradient in sets[step % len(sets)]]


def with_repeated_rows(gradients, shape, rng):
    """Replaces the first gradient by that of looking up 64 tokens, many of them the same."""
    indices = rng.integers(0, 30, 64)
    values = gradients[0].flat[: 64 * shape[1]].reshape(64, shape[1])
    return [
        tf.IndexedSlices(tf.constant(values), tf.constant(indices), tf.constant(shape)),
        *gradients[1:],
    ]


def assert_equal_weights(ours, theirs):
    """Relative 1e-5, weight by weight; one that passes zero keeps its tensor's float32 rounding."""
    rounding = 2 * np.finfo("float32").eps * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=rounding)


@pytest.mark.parametrize(
    ("optimizer_type", "sparse", "vocab_size"),
    [
        ("adamw", True, 1000),
        pytest.param("lamb", True, 1000, marks=pytest.mark.slow),
        pytest.param("adamw", False, 1000, marks=pytest.mark.slow),
        pytest.param("lamb", False, 1000, marks=pytest.mark.slow),
        pytest.param("adamw", True, 30_522, marks=pytest.mark.slow),
    ],
)
def test_equals_tf_models_official(official, small_bert, optimizer_type, sparse, vocab_size):
    rng = np.random.default_rng(0)
    names_and_shapes = [(small_bert[0][0], (vocab_size, 128)), *small_bert[1:]]
    shapes = [shape for _, shape in names_and_shapes]
    starts = initial_weights(names_and_shapes, rng)
    arguments = (RATES[optimizer_type], STEPS, STEPS // 10, 0.0, optimizer_type)

    theirs = official.create_optimizer(*arguments)
    their_weights = [
        tf.Variable(start, name=name.removesuffix(":0"))
        for start, (name, _) in zip(starts, names_and_shapes, strict=True)
    ]
    ours = create_optimizer(*arguments)
    our_weights = [
        keras.Variable(start, name=name.split("/")[-1].removesuffix(":0"))
        for start, (name, _) in zip(starts, names_and_shapes, strict=True)
    ]
    # Variables made inside `tf.function` would have it traced twice.
    ours.build(our_weights)
    theirs._create_all_weights(their_weights)

    @tf.function
    def step_both(gradients):
        theirs.apply_gradients(zip(gradients, their_weights, strict=True))
        ours.apply(gradients, our_weights)

    norms, rates = [], []
    for gradients in gradients_of_all_sizes(shapes, rng):
        gradients = [tf.constant(gradient) for gradient in gradients]
        if sparse:
            gradients = with_repeated_rows([g.numpy() for g in gradients], shapes[0], rng)
        norms.append(float(tf.linalg.global_norm(gradients)))
        rates.append((float(ours.learning_rate), float(theirs._decayed_lr("float32"))))
        step_both(gradients)

    assert 20 < sum(norm > 1 for norm in norms) < STEPS - 20
    np.testing.assert_allclose(*zip(*rates, strict=True), rtol=1e-6, atol=0)
    assert max(rates)[0] > 0.85 * RATES[optimizer_type]
    for our, their, start in zip(our_weights, their_weights, starts, strict=True):
        assert np.abs(their.numpy() - start).max() > RATES[optimizer_type]
        assert_equal_weights(our.numpy(), their.numpy())


def test_arguments_are_those_of_tf_models_official(official):
    ours = inspect.signature(create_optimizer).parameters
    theirs = inspect.signature(official.create_optimizer).parameters
    assert list(ours) == list(theirs)
    assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


def test_every_argument_reaches_the_optimizer(official):
    arguments = (1e-3, 20, 4, 1e-4, "adamw", 0.8, 2.0)
    theirs, ours = official.create_optimizer(*arguments), create_optimizer(*arguments)
    start = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    their_weight, our_weight = tf.Variable(start), keras.Variable(start)
    for step in range(25):
        gradient = tf.sin(start * step)
        theirs.apply_gradients([(gradient, their_weight)])
        ours.apply([gradient], [our_weight])
    assert_equal_weights(our_weight.numpy(), their_weight.numpy())


@pytest.mark.parametrize("optimizer_type", ["adamw", "lamb"])
def test_biases_that_start_at_zero_are_all_update_and_equal(official, optimizer_type):
    arguments = (1e-3, 20, 0, 0.0, optimizer_type)
    theirs, ours = official.create_optimizer(*arguments), create_optimizer(*arguments)
    their_weight = tf.Variable(tf.zeros(50), name="bias")
    our_weight = keras.Variable(np.zeros(50), name="bias")
    for _ in range(5):
        gradient = tf.linspace(-0.3, 0.2, 50)
        theirs.apply_gradients([(gradient, their_weight)])
        ours.apply([gradient], [our_weight])
    # Where Keras takes `1 - 0.999` of a float64 they would be 6e-6 apart.
    np.testing.assert_allclose(our_weight.numpy(), their_weight.numpy(), rtol=3e-6, atol=0)


# What a SavedModel calls its weights, what Keras layers do, and whether they decay.
NAMES = {
    "word_embeddings/embeddings:0": True,
    "transformer/layer_0/self_attention/query/kernel:0": True,
    "transformer/layer_0/self_attention/query/bias:0": False,
    "transformer/layer_0/self_attention_layer_norm/gamma:0": False,
    "transformer/layer_0/self_attention_layer_norm/beta:0": False,
    "bert/encoder/layer_0/attention/output/LayerNorm/weight": False,
    "transformer_layer_0_output_layer_norm_gamma": False,
    "transformer_layer_0_output_beta": False,
    "cls/predictions/output_bias": False,
    "encoder/norm/gamma:0": False,
    "beta_block/kernel:0": True,
    "alphabeta": True,
    "kernel": True,
    "embeddings": True,
    "bias": False,
    "gamma": False,
    "beta": False,
}


@pytest.mark.parametrize("optimizer_type", ["adamw", "lamb"])
@pytest.mark.parametrize(("name", "decays"), NAMES.items())
def test_biases_and_normalisation_do_not_decay(optimizer_type, name, decays):
    optimizer = create_optimizer(0.1, 10, 0, optimizer_type=optimizer_type)
    # A SavedModel's variable keeps its name below the Keras variable that shares it.
    weight = keras.Variable(tf.Variable([3.0, 4.0], name=name.removesuffix(":0")), name="shared")
    optimizer.apply([tf.zeros(2)], [weight])
    # A zero gradient leaves the decay alone: `rate * 0.01` of the weight, or LAMB's whole `rate`.
    kept = (0.999 if optimizer_type == "adamw" else 0.9) if decays else 1.0
    np.testing.assert_allclose(weight.numpy(), [3.0 * kept, 4.0 * kept], rtol=1e-6)


def test_names_decay_as_in_tf_models_official(official):
    theirs = official.create_optimizer(0.1, 10, 0)
    # It has no word for a normalisation whose name lacks `layer_norm` and `LayerNorm`.
    shared = [n for n in NAMES if "layer_norm" in n or not ("gamma" in n or "beta" in n)]
    assert len(shared) > 8
    assert {n: theirs._do_use_weight_decay(n) for n in shared} == {n: NAMES[n] for n in shared}


def small_model(vocab_size=50):
    keras.utils.set_random_seed(1)
    tokens = keras.Input((6,), dtype="int32")
    x = keras.layers.Embedding(vocab_size, 8)(tokens)
    x = keras.layers.LayerNormalization()(x)
    x = keras.layers.Dense(8, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(tokens, keras.layers.Dense(3)(x))


def batches(number):
    rng = np.random.default_rng(2)
    tokens = rng.integers(0, 50, (number, 16, 6))
    return [(batch, batch.sum(axis=-1) % 3) for batch in tokens.astype("int32")]


def compiled(optimizer, jit_compile=False):
    model = small_model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, jit_compile=jit_compile)
    return model


def test_weight_decay_of_a_model_leaves_out_what_it_should():
    model = small_model()
    starts = [weight.numpy() + 1 for weight in model.trainable_variables]
    for weight, start in zip(model.trainable_variables, starts, strict=True):
        weight.assign(start)
    optimizer = create_optimizer(0.1, 10, 0)
    optimizer.apply([tf.zeros(w.shape) for w in starts], model.trainable_variables)
    decayed = [
        weight.path
        for weight, start in zip(model.trainable_variables, starts, strict=True)
        if not np.array_equal(weight.numpy(), start)
    ]
    assert [path.split("/")[-1] for path in decayed] == ["embeddings", "kernel", "kernel"]


def test_weight_decay_can_be_set_before_training():
    optimizer = create_optimizer(0.1, 10, 0)
    optimizer.weight_decay = 0.5
    weight = keras.Variable([2.0], name="kernel")
    optimizer.apply([tf.zeros(1)], [weight])
    np.testing.assert_allclose(weight.numpy(), [1.9], rtol=1e-6)


@pytest.mark.parametrize("optimizer_type", ["adamw", "lamb"])
def test_serialisation_round_trip(optimizer_type):
    optimizer = create_optimizer(1e-3, 100, 10, 1e-5, optimizer_type, 0.8, 2.0)
    config = json.loads(json.dumps(keras.optimizers.serialize(optimizer)))
    restored = keras.optimizers.deserialize(config)
    assert type(restored) is type(optimizer)
    assert restored.get_config() == optimizer.get_config()
    for each in (restored, optimizer):
        each.iterations.assign(55)
    assert float(restored.learning_rate) == float(optimizer.learning_rate) > 0


CONTINUE = """
import keras, numpy as np
import keras_transformers.training.create_optimizer
data = np.load("data.npz")
for name, policy in (("adamw", "float32"), ("lamb", "mixed_float16")):
    keras.config.set_dtype_policy(policy)
    model = keras.saving.load_model(f"{name}.keras")
    assert int(model.optimizer.iterations) == 6
    for tokens, labels in zip(data["tokens"], data["labels"]):
        model.train_on_batch(tokens, labels)
    np.savez(name, *[weight.numpy() for weight in model.trainable_variables])
"""


def test_reopened_file_goes_on_where_it_stopped(tmp_path, with_policy):
    data = batches(14)
    tokens, labels = zip(*data[6:], strict=True)
    np.savez(tmp_path / "data.npz", tokens=tokens, labels=labels)
    uninterrupted = {}
    for optimizer_type, policy in (("adamw", "float32"), ("lamb", "mixed_float16")):
        with_policy(policy)
        model = compiled(create_optimizer(0.01, 14, 4, optimizer_type=optimizer_type))
        for batch in data[:6]:
            model.train_on_batch(*batch)
        model.save(tmp_path / f"{optimizer_type}.keras")
        for batch in data[6:]:
            model.train_on_batch(*batch)
        uninterrupted[optimizer_type] = [w.numpy() for w in model.trainable_variables]

    subprocess.run([sys.executable, "-c", CONTINUE], cwd=tmp_path, check=True)
    for optimizer_type, weights in uninterrupted.items():
        with np.load(tmp_path / f"{optimizer_type}.npz") as resumed:
            for name, weight in zip(resumed.files, weights, strict=True):
                np.testing.assert_allclose(resumed[name], weight, rtol=1e-6, atol=1e-7)


OTHER_BACKEND = """
import sys
import keras, numpy as np
from keras_transformers.training.create_optimizer import create_optimizer
data = np.load(sys.argv[1])
for optimizer_type, rate in (("adamw", 3e-5), ("lamb", 1e-3)):
    optimizer = create_optimizer(rate, 30, 5, optimizer_type=optimizer_type)
    weights = [keras.Variable(data[name], name=name) for name in ("kernel", "gamma", "bias")]
    for step in range(30):
        optimizer.apply([keras.ops.convert_to_tensor(data[f"{w.name}_{step}"]) for w in weights],
                        weights)
    np.savez(f"{sys.argv[2]}_{optimizer_type}.npz",
             backend=keras.backend.backend(),
             **{w.name: keras.ops.convert_to_numpy(w) for w in weights})
"""


@pytest.mark.parametrize("backend", ["jax", pytest.param("torch", marks=pytest.mark.slow)])
def test_other_backends_equal_tf_models_official(official, tmp_path, backend):
    pytest.importorskip(backend)
    rng = np.random.default_rng(3)
    shapes = {"kernel": (20, 8), "gamma": (8,), "bias": (8,)}
    starts = {name: rng.normal(0, 0.02, shape).astype("f") for name, shape in shapes.items()}
    gradients = {
        f"{name}_{step}": (rng.normal(size=shape) * 10.0 ** rng.uniform(-4, 0)).astype("f")
        for name, shape in shapes.items()
        for step in range(30)
    }
    np.savez(tmp_path / "data.npz", **starts, **gradients)
    subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, tmp_path / "data.npz", tmp_path / "result"],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    for optimizer_type, rate in RATES.items():
        theirs = official.create_optimizer(rate, 30, 5, optimizer_type=optimizer_type)
        weights = [tf.Variable(start, name=f"layer_norm/{name}") for name, start in starts.items()]
        weights[0] = tf.Variable(starts["kernel"], name="kernel")
        for step in range(30):
            theirs.apply_gradients(
                (gradients[f"{name}_{step}"], weight)
                for name, weight in zip(shapes, weights, strict=True)
            )
        with np.load(tmp_path / f"result_{optimizer_type}.npz") as ours:
            assert ours["backend"] == backend
            for name, weight in zip(shapes, weights, strict=True):
                assert_equal_weights(ours[name], weight.numpy())


def losses_of_training(optimizer_type, jit_compile=False):
    optimizer = create_optimizer(0.01, 20, 4, optimizer_type=optimizer_type)
    model = compiled(optimizer, jit_compile)
    losses = [float(model.train_on_batch(*batch)) for batch in batches(1) * 20]
    assert int(optimizer.iterations) == 20
    assert {weight.dtype for weight in model.trainable_variables} == {"float32"}
    return losses


@pytest.fixture(scope="module")
def float32_losses():
    losses = {name: losses_of_training(name) for name in RATES}
    assert all(each[-1] < 0.9 * each[0] for each in losses.values())
    return losses


@pytest.mark.parametrize(
    ("optimizer_type", "policy", "jit_compile", "tolerance"),
    [
        ("adamw", "float32", True, 1e-3),
        ("adamw", "mixed_float16", False, 0.02),
        ("adamw", "mixed_float16", True, 0.02),
        ("adamw", "mixed_bfloat16", False, 0.1),
        ("lamb", "float32", True, 1e-3),
        ("lamb", "mixed_float16", False, 0.02),
    ],
)
def test_trains_as_float32_does(
    float32_losses, with_policy, optimizer_type, policy, jit_compile, tolerance
):
    with_policy(policy)
    losses = losses_of_training(optimizer_type, jit_compile)
    np.testing.assert_allclose(losses, float32_losses[optimizer_type], rtol=tolerance)


def test_without_warmup_the_first_step_is_taken_at_the_full_rate():
    assert float(create_optimizer(3e-5, 100, 0).learning_rate) == pytest.approx(3e-5)
    assert float(create_optimizer(3e-5, 100, 10).learning_rate) == 0


@pytest.mark.parametrize("value", ["adam", "AdamW", None])
def test_refuses_other_optimizers(value):
    with pytest.raises(ValueError, match="`optimizer_type` must be 'adamw' or 'lamb'"):
        create_optimizer(3e-5, 100, 10, optimizer_type=value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beta_1": 1.0}, r"`beta_1` must be in the interval \[0, 1\)"),
        ({"num_warmup_steps": 0.1}, "`num_warmup_steps` must be a whole number"),
        ({"num_warmup_steps": 101}, "`num_warmup_steps` must be at most `num_train_steps`"),
        ({"num_train_steps": 0}, "`num_train_steps` must be a whole number"),
        ({"init_lr": 0.0}, "`init_lr` must be positive"),
        ({"end_lr": -1.0}, "`end_lr` must not be negative"),
        ({"poly_power": -1.0}, "`poly_power` must not be negative"),
    ],
)
def test_refuses_arguments_out_of_range(change, message):
    arguments = {"init_lr": 3e-5, "num_train_steps": 100, "num_warmup_steps": 10, **change}
    with pytest.raises(ValueError, match=message):
        create_optimizer(**arguments)
