import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import erf

from keras_transformers.checkpoints.read_bert import assign_tensors, read_bert
from keras_transformers.layers import MaskedAveragePooling1D
from keras_transformers.models.bert_encoder import BertEncoder, gelu_tanh

SIZES = {
    "vocab_size": 60,
    "num_layers": 2,
    "hidden_size": 16,
    "num_heads": 4,
    "intermediate_size": 24,
    "max_positions": 20,
}


def random_encoder(rng, **arguments):
    """An encoder whose every weight is random, and its tensors under Hugging Face's names."""
    encoder = BertEncoder(**(SIZES | arguments))
    tensors = random_tensors(encoder, rng)
    assign_tensors(encoder, tensors)
    return encoder, tensors


def random_tensors(encoder, rng):
    hidden, inner = encoder.hidden_size, encoder.intermediate_size
    tensors = {
        "embeddings.word_embeddings.weight": rng.normal(size=(encoder.vocab_size, hidden)),
        "embeddings.position_embeddings.weight": rng.normal(size=(encoder.max_positions, hidden)),
        "embeddings.LayerNorm.weight": rng.normal(1, 0.2, hidden),
        "embeddings.LayerNorm.bias": rng.normal(size=hidden),
    }
    if encoder.type_vocab_size:
        types = rng.normal(size=(encoder.type_vocab_size, hidden))
        tensors["embeddings.token_type_embeddings.weight"] = types

    def add_dense(name, inputs, outputs):
        tensors[f"{name}.weight"] = rng.normal(0, inputs**-0.5, (outputs, inputs))
        tensors[f"{name}.bias"] = rng.normal(0, 0.3, outputs)

    def add_norm(name):
        tensors[f"{name}.weight"] = rng.normal(1, 0.2, hidden)
        tensors[f"{name}.bias"] = rng.normal(0, 0.3, hidden)

    for i in range(encoder.num_layers):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            add_dense(f"encoder.layer.{i}.attention.{part}", hidden, hidden)
        add_norm(f"encoder.layer.{i}.attention.output.LayerNorm")
        add_dense(f"encoder.layer.{i}.intermediate.dense", hidden, inner)
        add_dense(f"encoder.layer.{i}.output.dense", inner, hidden)
        add_norm(f"encoder.layer.{i}.output.LayerNorm")
    if encoder.pooler:
        add_dense("pooler.dense", hidden, hidden)
    return {name: tensor.astype("float32") for name, tensor in tensors.items()}


def random_inputs(rng, batch=3, length=11, vocab_size=60, segments=2):
    lengths = rng.integers(1, length + 1, (batch, 1))
    return {
        "input_word_ids": rng.integers(0, vocab_size, (batch, length)).astype("int32"),
        "input_mask": (np.arange(length) < lengths).astype("int32"),
        "input_type_ids": rng.integers(0, segments, (batch, length)).astype("int32"),
    }


ACTIVATIONS = {
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_tanh": lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


def numpy_bert(tensors, inputs, num_heads, activation="gelu", epsilon=1e-12):
    """BERT from its equations, in float64, on tensors under Hugging Face's names."""

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].astype("float64").T + tensors[f"{name}.bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)
        return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def heads(x, name):
        return dense(x, name).reshape(*x.shape[:2], num_heads, -1).transpose(0, 2, 1, 3)

    ids, mask = inputs["input_word_ids"], inputs["input_mask"]
    x = tensors["embeddings.word_embeddings.weight"][ids].astype("float64")
    x = x + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
    if "embeddings.token_type_embeddings.weight" in tensors:
        x = x + tensors["embeddings.token_type_embeddings.weight"][inputs["input_type_ids"]]
    x = norm(x, "embeddings.LayerNorm")

    outputs, scores = [], []
    for i in range(sum(name.endswith("query.bias") for name in tensors)):
        layer = f"encoder.layer.{i}"
        q, k, v = (heads(x, f"{layer}.attention.self.{n}") for n in ("query", "key", "value"))
        logits = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[-1])
        weights = np.exp(logits - logits.max(-1, keepdims=True)) * mask[:, None, None, :]
        weights /= weights.sum(-1, keepdims=True)
        attended = (weights @ v).transpose(0, 2, 1, 3).reshape(x.shape)
        attended = dense(attended, f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = ACTIVATIONS[activation](dense(x, f"{layer}.intermediate.dense"))
        x = norm(x + dense(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        outputs.append(x)
        scores.append(weights)
    pooled = x[:, 0]
    if "pooler.dense.weight" in tensors:
        pooled = np.tanh(dense(pooled, "pooler.dense"))
    return {
        "sequence_output": x,
        "pooled_output": pooled,
        "encoder_outputs": outputs,
        "attention_scores": scores,
    }


def assert_close(outputs, expected, atol=1e-5):
    assert sorted(outputs) == sorted(expected)
    for name, value in expected.items():
        ours = outputs[name]
        for a, b in zip(ours, value, strict=True) if isinstance(value, list) else [(ours, value)]:
            difference = np.abs(ops.convert_to_numpy(a) - np.asarray(b)).max()
            assert a.shape == b.shape
            assert difference <= atol, f"{name} differs by {difference}"


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"activation": "gelu_tanh", "num_heads": 1, "num_layers": 3},
        {"activation": "relu", "epsilon": 1e-3, "type_vocab_size": 5, "num_heads": 16},
        {"type_vocab_size": 0, "pooler": False},
    ],
)
def test_equals_numpy_forward(rng, arguments):
    encoder, tensors = random_encoder(rng, **arguments)
    inputs = random_inputs(rng, segments=encoder.type_vocab_size or 2)
    expected = numpy_bert(
        tensors,
        inputs,
        encoder.num_heads,
        activation=arguments.get("activation", "gelu"),
        epsilon=encoder.epsilon,
    )
    assert_close(encoder(inputs, return_attention_scores=True), expected)
    del expected["attention_scores"]
    assert_close(encoder(inputs), expected)


@pytest.mark.parametrize("seed", range(4))
def test_equals_tf_models_official(seed):
    rng = np.random.default_rng(seed)
    import tf_keras
    from official.nlp.modeling.networks import BertEncoder as OfficialBertEncoder

    num_heads = int(rng.integers(1, 5))
    sizes = {
        "vocab_size": int(rng.integers(20, 90)),
        "num_layers": int(rng.integers(1, 4)),
        "hidden_size": num_heads * int(rng.integers(2, 9)),
        "intermediate_size": int(rng.integers(5, 40)),
        "type_vocab_size": int(rng.integers(1, 5)),
    }
    activation = ("gelu", "gelu_tanh")[seed % 2]
    official = OfficialBertEncoder(
        **sizes,
        num_attention_heads=num_heads,
        max_sequence_length=16,
        activation=lambda x: tf_keras.activations.gelu(x, approximate=bool(seed % 2)),
        dict_outputs=True,
        return_attention_scores=True,
    )
    official.set_weights([rng.normal(0, 0.5, w.shape) for w in official.get_weights()])
    encoder = BertEncoder(**sizes, num_heads=num_heads, max_positions=16, activation=activation)
    encoder.build()
    in_their_order = [encoder.embedding, encoder.segment_embedding, encoder.embedding_norm]
    for block in encoder.blocks:
        attention = block.attention
        in_their_order += [attention.query_dense, attention.key_dense, attention.value_dense]
        in_their_order += [attention.output_dense, block.attention_norm]
        in_their_order += [block.feed_forward_hidden, block.feed_forward_output]
        in_their_order += [block.feed_forward_norm]
    in_their_order.append(encoder.pooler_dense)
    variables = [variable for layer in in_their_order for variable in layer.weights]
    for variable, value in zip(variables, official.get_weights(), strict=True):
        variable.assign(value.reshape(variable.shape))  # theirs has an axis for the heads

    inputs = random_inputs(
        rng, 4, 13, vocab_size=sizes["vocab_size"], segments=sizes["type_vocab_size"]
    )
    expected = {
        name: [v.numpy() for v in value] if isinstance(value, list) else value.numpy()
        for name, value in official(inputs).items()
    }
    assert_close(encoder(inputs, return_attention_scores=True), expected)


def test_equals_keras_hub_on_minilm(minilm, rng):
    import keras_hub

    backbone = keras_hub.models.BertBackbone.from_preset(str(minilm))
    # KerasHub computes GELU by its tanh approximation, whatever the checkpoint asks for.
    encoder = BertEncoder.from_pretrained(minilm, activation="gelu_tanh")
    inputs = random_inputs(rng, 4, 33, vocab_size=30_522)
    theirs = backbone(
        {
            "token_ids": inputs["input_word_ids"],
            "padding_mask": inputs["input_mask"],
            "segment_ids": inputs["input_type_ids"],
        }
    )
    ours = encoder(inputs)
    expected = {name: ops.convert_to_numpy(value) for name, value in theirs.items()}
    assert_close({name: ours[name] for name in expected}, expected, atol=1e-4)


def test_equals_numpy_forward_on_minilm(minilm, rng):
    tensors = read_bert(minilm).tensors
    inputs = random_inputs(rng, 2, 17, vocab_size=30_522)
    expected = numpy_bert(tensors, inputs, num_heads=12)
    encoder = BertEncoder.from_pretrained(minilm)
    assert_close(encoder(inputs, return_attention_scores=True), expected)


def test_minilm_puts_paraphrases_closer_than_other_sentences(minilm):
    tokenizers = pytest.importorskip("tokenizers")
    pairs = [
        ("A man is playing the guitar.", "Someone plays a guitar."),
        ("The stock market fell sharply today.", "Shares dropped a lot on Wall Street today."),
        ("The cat sleeps on the sofa.", "A kitten is napping on the couch."),
        ("He scored twice in the final match.", "The striker got two goals in the final."),
    ]
    tokenizer = tokenizers.Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.enable_padding()
    encodings = tokenizer.encode_batch([sentence for pair in pairs for sentence in pair])
    ids = np.array([encoding.ids for encoding in encodings])
    outputs = BertEncoder.from_pretrained(minilm)({"input_word_ids": ids})
    vectors = MaskedAveragePooling1D()(outputs["sequence_output"], mask=ops.not_equal(ids, 0))
    vectors = ops.convert_to_numpy(ops.normalize(vectors))
    similarity = vectors[0::2] @ vectors[1::2].T
    unrelated = similarity[~np.eye(len(pairs), dtype=bool)]
    assert similarity.diagonal().min() > unrelated.max() + 0.2


@pytest.mark.parametrize("length", [40, 64, 256])
def test_padding_changes_nothing(rng, length):
    encoder, _ = random_encoder(rng, max_positions=256)
    ids = rng.integers(1, 60, (3, 9))
    padded = np.pad(ids, ((0, 0), (0, length - 9)))
    short, long = encoder({"input_word_ids": ids}), encoder({"input_word_ids": padded})
    assert_close({"x": long["pooled_output"]}, {"x": ops.convert_to_numpy(short["pooled_output"])})
    for a, b in zip(long["encoder_outputs"], short["encoder_outputs"], strict=True):
        assert_close({"x": a[:, :9]}, {"x": ops.convert_to_numpy(b)})


def test_first_only_gives_the_first_position_of_the_whole(rng):
    encoder, _ = random_encoder(rng)
    inputs = {"input_word_ids": rng.integers(0, 3, (4, 12))}
    whole = encoder(inputs, return_attention_scores=True)
    first = encoder(inputs, return_attention_scores=True, first_only=True)
    assert_close({"x": first["pooled_output"]}, {"x": ops.convert_to_numpy(whole["pooled_output"])})
    *lower, last = first["encoder_outputs"]
    for x in (first["sequence_output"], last):
        assert_close({"x": x}, {"x": ops.convert_to_numpy(whole["sequence_output"])[:, :1]})
    for a, b in zip(lower, whole["encoder_outputs"][:-1], strict=True):
        assert_close({"x": a}, {"x": ops.convert_to_numpy(b)})
    assert_close(
        {"x": first["attention_scores"][-1]},
        {"x": ops.convert_to_numpy(whole["attention_scores"][-1])[:, :, :1]},
    )
    symbolic = encoder({"input_word_ids": keras.Input((12,), dtype="int32")}, first_only=True)
    assert symbolic["sequence_output"].shape == (None, 1, encoder.hidden_size)
    assert symbolic["pooled_output"].shape == (None, encoder.hidden_size)


def test_mask_and_types_may_be_left_out(rng):
    encoder, _ = random_encoder(rng)
    ids = rng.integers(0, 3, (4, 12))
    spelled_out = encoder(
        {
            "input_word_ids": ids,
            "input_mask": ids != 0,
            "input_type_ids": np.zeros_like(ids),
        }
    )
    left_out = encoder({"input_word_ids": ids})["sequence_output"]
    assert_close({"x": left_out}, {"x": ops.convert_to_numpy(spelled_out["sequence_output"])}, 1e-6)
    all_seen = encoder({"input_word_ids": ids, "input_mask": np.ones_like(ids)})["sequence_output"]
    assert np.abs(ops.convert_to_numpy(all_seen - left_out)).max() > 0.01


def test_types_are_ignored_where_there_are_none(rng):
    encoder, _ = random_encoder(rng, type_vocab_size=0)
    inputs = random_inputs(rng)
    expected = ops.convert_to_numpy(encoder(inputs)["sequence_output"])
    del inputs["input_type_ids"]
    assert_close({"x": encoder(inputs)["sequence_output"]}, {"x": expected}, 0)


def test_any_length_in_a_functional_model(rng):
    encoder, _ = random_encoder(rng)
    symbolic = {name: keras.Input((None,), dtype="int32", name=name) for name in random_inputs(rng)}
    outputs = encoder(symbolic, return_attention_scores=True)
    model = keras.Model(symbolic, outputs)
    assert outputs["sequence_output"].shape == (None, None, 16)
    assert outputs["pooled_output"].shape == (None, 16)
    assert [x.shape for x in outputs["encoder_outputs"]] == [(None, None, 16)] * 2
    assert [x.shape for x in outputs["attention_scores"]] == [(None, 4, None, None)] * 2
    for length in (2, 5, 20):
        inputs = random_inputs(rng, 2, length)
        expected = encoder(inputs, return_attention_scores=True)
        expected = keras.tree.map_structure(ops.convert_to_numpy, expected)
        assert_close(model.predict(inputs, verbose=0), expected)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiles with TensorFlow")
def test_compiled_equals_eager(rng):
    import tensorflow as tf

    encoder, _ = random_encoder(rng)
    inputs = random_inputs(rng)
    expected = keras.tree.map_structure(ops.convert_to_numpy, encoder(inputs))
    for jit_compile in (False, True):
        assert_close(tf.function(encoder, jit_compile=jit_compile)(inputs), expected)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(rng, dtype):
    encoder, tensors = random_encoder(rng, dtype=dtype)
    inputs = random_inputs(rng)
    outputs = encoder(inputs, return_attention_scores=True)
    assert {variable.dtype for variable in encoder.weights} == {"float32"}
    assert keras.backend.standardize_dtype(outputs["pooled_output"].dtype) == dtype[6:]
    outputs = keras.tree.map_structure(lambda x: ops.cast(x, "float32"), outputs)
    assert_close(outputs, numpy_bert(tensors, inputs, 4), 0.15 if "b" in dtype[6:] else 0.02)


def test_dropout_only_in_training(rng):
    encoder, _ = random_encoder(rng, dropout=0.0, attention_dropout=0.5)
    inputs = random_inputs(rng)
    still = ops.convert_to_numpy(encoder(inputs)["sequence_output"])
    assert_close({"x": encoder(inputs, training=False)["sequence_output"]}, {"x": still}, 0)
    moved = ops.convert_to_numpy(encoder(inputs, training=True)["sequence_output"])
    assert np.abs(moved - still).max() > 0.01


def test_every_weight_is_trained(rng):
    encoder, _ = random_encoder(rng)
    inputs = random_inputs(rng, 8, 20)
    symbolic = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
    model = keras.Model(symbolic, keras.layers.Dense(1)(encoder(symbolic)["pooled_output"]))
    before = encoder.get_weights()
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(inputs, rng.normal(size=(8, 1)), verbose=0)
    for old, variable in zip(before, encoder.weights, strict=True):
        # Softmax does not see a number added to all scores of a query, as the keys' bias adds.
        if not variable.path.endswith("key/bias"):
            assert np.abs(ops.convert_to_numpy(variable) - old).max() > 0, variable.path


PROCESS = """
import sys, keras, numpy as np
import keras_transformers.models.bert_encoder
folder = sys.argv[1]
inputs = dict(np.load(folder + "/inputs.npz"))
encoder = keras.models.load_model(folder + "/encoder.keras")
outputs = encoder(inputs, return_attention_scores=True)
flat = [keras.ops.convert_to_numpy(x) for x in keras.tree.flatten(outputs)]
symbolic = {name: keras.Input((None,), dtype="int32", name=name) for name in inputs}
# From zeros the loss starts at 1; a random head could start at the target.
head = keras.layers.Dense(1, kernel_initializer="zeros")
model = keras.Model(symbolic, head(encoder(symbolic)["pooled_output"]))
model.compile(keras.optimizers.Adam(0.01), "mse")
losses = model.fit(inputs, np.ones((len(inputs["input_mask"]), 1)), epochs=9, verbose=0).history
assert losses["loss"][-1] < 0.5 * losses["loss"][0], losses
np.savez(folder + "/outputs.npz", *flat)
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_reloads_and_trains_in_a_fresh_process_on(backend, rng, tmp_path):
    pytest.importorskip(backend)
    encoder, _ = random_encoder(rng, activation="gelu_tanh", dropout=0.0)
    inputs = random_inputs(rng)
    np.savez(tmp_path / "inputs.npz", **inputs)
    encoder.save(tmp_path / "encoder.keras")
    environment = os.environ | {"KERAS_BACKEND": backend}
    subprocess.run([sys.executable, "-c", PROCESS, str(tmp_path)], env=environment, check=True)
    expected = keras.tree.flatten(encoder(inputs, return_attention_scores=True))
    with np.load(tmp_path / "outputs.npz") as outputs:
        for ours, theirs in zip(expected, outputs.values(), strict=True):
            np.testing.assert_allclose(theirs, ops.convert_to_numpy(ours), atol=1e-5)


def test_config_has_every_argument(rng):
    arguments = SIZES | {
        "type_vocab_size": 3,
        "dropout": 0.2,
        "attention_dropout": 0.3,
        "activation": "relu",
        "epsilon": 1e-5,
        "pooler": False,
        "name": "mine",
    }
    config = BertEncoder(**arguments).get_config()
    assert {name: config[name] for name in arguments} == arguments
    assert BertEncoder.from_config(config).get_config() == config


def test_saves_before_its_first_call(tmp_path):
    encoder = BertEncoder(**SIZES)
    encoder.build()
    encoder.save(tmp_path / "encoder.keras")
    again = keras.models.load_model(tmp_path / "encoder.keras")
    for a, b in zip(encoder.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_has_as_many_weights_as_the_published_small_bert():
    encoder = BertEncoder(30_522, 4, 128, 2, 512)
    encoder.build()
    assert encoder.count_params() == 4_782_464


def test_gelu_tanh():
    x = np.linspace(-6, 6, 1001).astype("float32")
    y = ops.convert_to_numpy(gelu_tanh(x))
    np.testing.assert_allclose(y, ACTIVATIONS["gelu_tanh"](x.astype("float64")), atol=1e-6)
    assert 1e-4 < np.abs(y - ACTIVATIONS["gelu"](x)).max() < 5e-4


@pytest.mark.parametrize(
    "name", [*SIZES, "type_vocab_size", "dropout", "attention_dropout", "epsilon"]
)
def test_arguments_out_of_range(name):
    with pytest.raises(ValueError, match=rf"`(embed_dim|ff_dim|rate|{name})` must .*Received: "):
        BertEncoder(**(SIZES | {name: -1}))


def test_heads_must_divide_hidden_size():
    with pytest.raises(ValueError, match=r"`num_heads` must divide hidden_size=16.*num_heads=3"):
        BertEncoder(**(SIZES | {"num_heads": 3}))


@pytest.mark.parametrize(
    "inputs",
    [
        np.ones((1, 3), "int32"),
        {"input_mask": np.ones((1, 3), "int32")},
        {"input_word_ids": np.ones((1, 3), "int32"), "token_type_ids": np.ones((1, 3), "int32")},
    ],
)
def test_inputs_with_other_keys(inputs):
    with pytest.raises(
        ValueError, match=r"`inputs` must be a dict with 'input_word_ids'.*Received"
    ):
        BertEncoder(**SIZES)(inputs)


def test_longer_than_max_positions():
    with pytest.raises(ValueError, match=r"at most maxlen=20 positions.*length 21"):
        BertEncoder(**SIZES)({"input_word_ids": np.ones((1, 21), "int32")})
