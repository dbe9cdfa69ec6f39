import functools
import json
import logging
import math
import random
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401  The preprocessing model needs its operations.
from safetensors.numpy import load_file, save_file

from keras_transformers.checkpoints.hugging_face import complete_config, tensor_shapes
from keras_transformers.hub.export_to_hub import export_to_hub

SMALL_BERT = {
    "vocab_size": 30522,
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 512,
}

TINY = {
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 24,
    "type_vocab_size": 3,
}

VOCABULARY = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "oil", "price", "##s"]
VOCABULARY += ["rise", "Oil", "Price", "É", "e", "##é", "an", "##other", ",", ".", "!"]

TEXTS = ["oil prices rise!", "Oil, Price. another É eé", "", "unknown words"]


# The equations, written out in float64


def normalise(x, tensors, name, epsilon):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def gelu_new(x):
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def bert(tensors, heads, epsilon, activation, ids, mask, types):
    """Devlin et al. (2019): the output of every layer, and the pooler's."""
    tensors = {name: tensor.astype("float64") for name, tensor in tensors.items()}

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def attend(x, name):
        q, k, v = (
            dense(x, f"{name}.{part}").reshape(*x.shape[:2], heads, -1)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(q.shape[-1])
        scores = np.where(mask[:, None, None, :], scores, -np.inf)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("bhij,bjhd->bihd", weights, v).reshape(x.shape)

    x = tensors["embeddings.word_embeddings.weight"][ids]
    x = x + tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
    x = x + tensors["embeddings.token_type_embeddings.weight"][types]
    x = normalise(x, tensors, "embeddings.LayerNorm", epsilon)
    layers = []
    while f"encoder.layer.{len(layers)}.output.dense.bias" in tensors:
        layer = f"encoder.layer.{len(layers)}"
        attended = dense(attend(x, f"{layer}.attention.self"), f"{layer}.attention.output.dense")
        x = normalise(x + attended, tensors, f"{layer}.attention.output.LayerNorm", epsilon)
        hidden = activation(dense(x, f"{layer}.intermediate.dense"))
        y = dense(hidden, f"{layer}.output.dense")
        x = normalise(x + y, tensors, f"{layer}.output.LayerNorm", epsilon)
        layers.append(x)
    pooled = np.tanh(dense(x[:, 0], "pooler.dense")) if "pooler.dense.bias" in tensors else None
    return layers, pooled


# What the tests export


def random_tensors(config, seed=0):
    generator = np.random.default_rng(seed)
    shapes = tensor_shapes(complete_config(config))
    return {name: generator.normal(0, 0.5, shapes[name]).astype("float32") for name in shapes}


def write_directory(directory, config, tensors, tokenizer=None, vocabulary=VOCABULARY):
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps({"model_type": "bert", **config}))
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    if tokenizer is not None:
        (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    save_file(tensors, directory / "model.safetensors")
    return directory


def random_inputs(config, batch=5, length=17, seed=0):
    """Token ids, a mask with holes in it and at least one position open, and segment ids."""
    generator = np.random.default_rng(seed)
    mask = generator.integers(0, 2, (batch, length))
    mask[np.arange(batch), generator.integers(0, length, batch)] = 1
    return {
        "input_word_ids": generator.integers(0, config["vocab_size"], (batch, length), "int32"),
        "input_mask": mask.astype("int32"),
        "input_type_ids": generator.integers(
            0, config.get("type_vocab_size", 2), (batch, length), "int32"
        ),
    }


def forward(tensors, heads, epsilon, activation, inputs):
    ids, mask, types = (inputs[f"input_{name}"] for name in ("word_ids", "mask", "type_ids"))
    return bert(tensors, heads, epsilon, activation, ids, mask.astype(bool), types)


@functools.cache
def load(directory):
    return tf.saved_model.load(str(directory))


def call(encoder, inputs, **kwargs):
    return encoder({name: tf.constant(value) for name, value in inputs.items()}, **kwargs)


@pytest.fixture
def encoder_only(monkeypatch):
    """Leaves out the preprocessing model, which takes most of the time."""
    from official.nlp.tools import export_tfhub_lib

    monkeypatch.setattr(export_tfhub_lib, "export_preprocessing", lambda *args, **kwargs: None)


@pytest.fixture
def handed_over(monkeypatch):
    """What the official exporter is called with, instead of what it writes."""
    from official.nlp.tools import export_tfhub_lib

    arguments = {}

    def record(directory, **kwargs):
        Path(directory).mkdir(parents=True)
        arguments[Path(directory).name] = kwargs

    monkeypatch.setattr(export_tfhub_lib, "export_model", record)
    monkeypatch.setattr(export_tfhub_lib, "export_preprocessing", record)
    return arguments


def built(handed_over):
    return handed_over["encoder"]["encoder_config"].any.BUILDER(None)


@pytest.fixture(scope="module")
def cased(tmp_path_factory):
    """A checkpoint of a task model, cased, and its export."""
    path = tmp_path_factory.mktemp("cased")
    config = {**TINY, "hidden_act": "gelu_new", "layer_norm_eps": 0.03}
    tensors = random_tensors(config)
    stored = {f"bert.{name}": tensor for name, tensor in tensors.items()}
    head = {"classifier.weight": np.zeros((2, 12), "float32")}
    write_directory(path / "source", config, stored | head, {"do_lower_case": False})
    export_to_hub(path / "source", path / "not yet" / "pair")
    return path / "not yet" / "pair", tensors


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """The pair for nothing but a configuration."""
    directory = tmp_path_factory.mktemp("made_up")
    export_to_hub({**TINY, "vocab_size": 180, "max_position_embeddings": 150}, directory)
    return directory


# The encoder


def test_encoder_computes_the_equations(cased):
    directory, tensors = cased
    inputs = random_inputs(TINY)
    layers, pooled = forward(tensors, 3, 0.03, gelu_new, inputs)
    outputs = call(load(directory / "encoder"), inputs)
    assert outputs.keys() == {"pooled_output", "default", "sequence_output", "encoder_outputs"}
    np.testing.assert_allclose(outputs["sequence_output"], layers[-1], atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"], pooled, atol=1e-5)
    np.testing.assert_array_equal(outputs["default"], outputs["pooled_output"])
    assert len(outputs["encoder_outputs"]) == 2
    for output, layer in zip(outputs["encoder_outputs"], layers, strict=True):
        np.testing.assert_allclose(output, layer, atol=1e-5)
    # The tolerance tells the configuration's activation and epsilon from BERT's usual ones.
    for epsilon, activation in ((1e-12, gelu_new), (0.03, gelu)):
        others, _ = forward(tensors, 3, epsilon, activation, inputs)
        assert np.abs(others[-1] - layers[-1]).max() > 1e-4


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("gelu", gelu),
        ("relu", lambda x: np.maximum(x, 0)),
        ("silu", lambda x: x / (1 + np.exp(-x))),
    ],
)
def test_activations_are_those_of_hugging_face(tmp_path, handed_over, name, activation):
    config = {**TINY, "num_hidden_layers": 1, "hidden_act": name}
    tensors = random_tensors(config)
    export_to_hub(write_directory(tmp_path / "source", config, tensors), tmp_path / "pair")
    inputs = random_inputs(config)
    layers, _ = forward(tensors, 3, 1e-12, activation, inputs)
    outputs = built(handed_over)(inputs)
    np.testing.assert_allclose(outputs["sequence_output"], layers[-1], atol=1e-5)


def test_padding_changes_nothing(cased):
    encoder = load(cased[0] / "encoder")
    inputs = random_inputs(TINY, length=9)
    inputs["input_mask"][:] = 1
    padded = {name: np.pad(value, ((0, 0), (0, 15))) for name, value in inputs.items()}
    short, long = call(encoder, inputs), call(encoder, padded)
    np.testing.assert_allclose(long["sequence_output"][:, :9], short["sequence_output"], atol=1e-5)
    np.testing.assert_allclose(long["pooled_output"], short["pooled_output"], atol=1e-5)


def test_dropout_is_on_in_training_only(cased):
    encoder = load(cased[0] / "encoder")
    inputs = random_inputs(TINY)
    once, twice = (call(encoder, inputs, training=True)["pooled_output"] for _ in range(2))
    assert np.abs(once - twice).max() > 1e-3
    still = call(encoder, inputs, training=False)["pooled_output"]
    np.testing.assert_array_equal(still, call(encoder, inputs)["pooled_output"])


def test_pooler_that_is_not_there_is_made_and_said_so(tmp_path, encoder_only):
    tensors = random_tensors(TINY)
    del tensors["pooler.dense.weight"], tensors["pooler.dense.bias"]
    source = write_directory(tmp_path / "source", TINY, tensors)
    with pytest.warns(
        UserWarning, match=r"source' has no pooler: `pooled_output` comes from a new"
    ):
        export_to_hub(source, tmp_path / "pair")
    encoder = load(tmp_path / "pair" / "encoder")
    inputs = random_inputs(TINY)
    outputs = call(encoder, inputs)
    layers, _ = forward(tensors, 3, 1e-12, gelu, inputs)
    np.testing.assert_allclose(outputs["sequence_output"], layers[-1], atol=1e-5)
    kernel = next(v for v in encoder.variables if "pooler_transform/kernel" in v.name).numpy()
    assert 0.01 < kernel.std() < 0.03
    np.testing.assert_allclose(
        outputs["pooled_output"], np.tanh(layers[-1][:, 0] @ kernel), atol=1e-5
    )


# Random weights


def test_random_encoder_equals_the_official_one(made_up):
    import tf_keras
    from official.nlp.modeling.networks import BertEncoder

    encoder = load(made_up / "encoder")
    official = BertEncoder(
        vocab_size=180,
        hidden_size=12,
        num_layers=2,
        num_attention_heads=3,
        inner_dim=20,
        inner_activation=tf_keras.activations.gelu,
        max_sequence_length=150,
        type_vocab_size=3,
        dict_outputs=True,
    )
    official.set_weights([variable.numpy() for variable in encoder.trainable_variables])
    inputs = random_inputs({**TINY, "vocab_size": 180})
    expected, outputs = official(inputs), call(encoder, inputs)
    for name in ("sequence_output", "pooled_output"):
        np.testing.assert_allclose(outputs[name], expected[name], atol=1e-6)
    assert expected["sequence_output"].numpy().std() > 0.5


def test_random_weights_follow_the_seed_and_the_initializer_range(tmp_path, handed_over):
    def weights(seed, name):
        export_to_hub(config, tmp_path / name, seed=seed)
        return {weight.name: weight.numpy() for weight in built(handed_over).weights}

    config = {**TINY, "vocab_size": 3000, "initializer_range": 0.1}
    first, again, other = weights(1, "first"), weights(1, "again"), weights(2, "other")
    for name, value in first.items():
        np.testing.assert_array_equal(value, again[name])
        if "norm" not in name and "bias" not in name:
            assert (value != other[name]).all()
            assert np.abs(value).max() <= 0.2
    # A normal distribution cut at two standard deviations keeps 0.880 of its own.
    assert first["word_embeddings/embeddings:0"].std() == pytest.approx(0.088, rel=0.01)


@pytest.mark.slow
def test_small_bert_has_the_published_size(tmp_path):
    export_to_hub(SMALL_BERT, tmp_path / "pair")
    encoder = load(tmp_path / "pair" / "encoder")
    assert sum(math.prod(v.shape) for v in encoder.variables) == 4_782_465
    assert sum(math.prod(v.shape) for v in encoder.trainable_variables) == 4_782_464


# The preprocessing model


@pytest.mark.parametrize("pair", ["cased", "made_up"])
def test_preprocessor_gives_the_ids_of_the_tokenizers_package(pair, request):
    from tokenizers import BertWordPieceTokenizer

    pair = request.getfixturevalue(pair)
    lower_case = not isinstance(pair, tuple)
    directory, length = (pair, 128) if lower_case else (pair[0], 24)
    preprocessor = load(directory / "preprocessor")
    vocabulary = directory / "encoder" / "assets" / "vocab.txt"
    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=lower_case)
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=0, length=length)
    expected = tokenizer.encode_batch(TEXTS)
    packed = preprocessor(tf.constant(TEXTS))
    assert packed.keys() == {"input_word_ids", "input_mask", "input_type_ids"}
    for name, attribute in (("word_ids", "ids"), ("mask", "attention_mask"), ("type_ids",) * 2):
        np.testing.assert_array_equal(
            packed[f"input_{name}"], [getattr(row, attribute) for row in expected], err_msg=name
        )
    assert load(directory / "encoder").do_lower_case.numpy() == lower_case


def test_tokens_and_packing_to_a_length_of_choice(cased):
    preprocessor = load(cased[0] / "preprocessor")
    tokens = preprocessor.tokenize(tf.constant(["oil prices", "rise"]))
    assert tokens.to_list() == [[[6], [7, 8]], [[9]]]
    packed = preprocessor.bert_pack_inputs([tokens], seq_length=5)
    assert packed["input_word_ids"].numpy().tolist() == [[3, 6, 7, 8, 4], [3, 9, 4, 0, 0]]
    assert packed["input_mask"].numpy().tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    pairs = preprocessor.bert_pack_inputs([tokens, tokens], seq_length=tf.constant(7))
    assert pairs["input_word_ids"].numpy().tolist()[1] == [3, 9, 4, 9, 4, 0, 0]
    assert pairs["input_type_ids"].numpy().tolist()[1] == [0, 0, 0, 1, 1, 0, 0]
    special = preprocessor.tokenize.get_special_tokens_dict()
    assert int(special["start_of_sequence_id"]) == 3
    assert int(special["vocab_size"]) == len(VOCABULARY)


def test_made_up_vocabulary_spells_words(made_up):
    tokens = load(made_up / "preprocessor").tokenize(tf.constant(["Oil 3.5%"])).to_list()[0]
    lines = (made_up / "encoder" / "assets" / "vocab.txt").read_text().split()
    assert len(lines) == 180
    assert [[lines[token] for token in word] for word in tokens] == [
        ["o", "##i", "##l"],
        ["3"],
        ["."],
        ["5"],
        ["%"],
    ]


def test_tokenizer_settings_that_cannot_be_followed_are_said(tmp_path, handed_over):
    settings = {"do_lower_case": True, "strip_accents": False}
    source = write_directory(tmp_path / "source", TINY, random_tensors(TINY), settings)
    with pytest.warns(UserWarning, match=r"lower_case=True.*strip_accents=False"):
        export_to_hub(source, tmp_path / "pair")
    (source / "tokenizer_config.json").write_text('{"tokenize_chinese_chars": false}')
    with pytest.warns(UserWarning, match="tokenize_chinese_chars=False"):
        export_to_hub(source, tmp_path / "other pair")


def test_arguments_go_before_the_files_of_the_directory(tmp_path, handed_over):
    source = write_directory(
        tmp_path / "source", TINY, random_tensors(TINY), {"do_lower_case": True}
    )
    vocabulary = shutil.move(source / "vocab.txt", tmp_path / "elsewhere.txt")
    export_to_hub(source, tmp_path / "pair", vocab_file=vocabulary, lower_case=False)
    for part in ("encoder", "preprocessor"):
        assert handed_over[part]["vocab_file"] == str(tmp_path / "elsewhere.txt")
        assert handed_over[part]["do_lower_case"] is False


# A real checkpoint


@pytest.mark.slow
def test_minilm(minilm, tmp_path):
    from tokenizers import Tokenizer

    export_to_hub(minilm, tmp_path / "pair")
    texts = [
        "Oil prices climb again as supply fears grow",
        "Café owners in São Paulo protest: 1,234 stalls closed!",
        "",
        "The committee's report -- 300 pages -- surprised nobody. " * 20,
    ]
    preprocessor = load(tmp_path / "pair" / "preprocessor")
    tokenizer = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128)
    rows = tokenizer.encode_batch(texts)
    inputs = {
        "input_word_ids": np.array([row.ids for row in rows], "int32"),
        "input_mask": np.array([row.attention_mask for row in rows], "int32"),
        "input_type_ids": np.array([row.type_ids for row in rows], "int32"),
    }
    for name, value in preprocessor(tf.constant(texts)).items():
        np.testing.assert_array_equal(value, inputs[name])

    tensors = load_file(minilm / "model.safetensors")
    layers, pooled = forward(tensors, 12, 1e-12, gelu, inputs)
    outputs = call(load(tmp_path / "pair" / "encoder"), inputs)
    real = inputs["input_mask"].astype(bool)
    error = np.abs(outputs["sequence_output"] - layers[-1])
    assert error[real].max() < 2e-5
    # What the model makes of a padding position is of no use to anyone, and in float32 it is
    # known to some 2e-4 only: these equations in float32 are that far from themselves in float64.
    assert error.max() < 1e-3
    np.testing.assert_allclose(outputs["pooled_output"], pooled, atol=1e-5)
    # The bound tells the exact gelu from its approximation.
    others, _ = forward(tensors, 12, 1e-12, gelu_new, inputs)
    assert np.abs(others[-1] - layers[-1])[real].max() > 1e-3


# What goes wrong


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "vocab.txt"])
def test_missing_files_are_named(tmp_path, handed_over, missing):
    source = write_directory(tmp_path / "source", TINY, random_tensors(TINY))
    (source / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing.replace(".", r"\.")):
        export_to_hub(source, tmp_path / "pair")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_missing_and_other_shapes_of_tensors_are_named(tmp_path, handed_over):
    tensors = random_tensors(TINY)
    del tensors["encoder.layer.1.output.dense.bias"]
    source = write_directory(tmp_path / "lacking", TINY, tensors)
    with pytest.raises(ValueError, match=r"missing: encoder\.layer\.1\.output\.dense\.bias$"):
        export_to_hub(source, tmp_path / "pair")
    source = write_directory(
        tmp_path / "wide",
        {**TINY, "intermediate_size": 21},
        tensors | {"encoder.layer.1.output.dense.bias": np.zeros(12, "float32")},
    )
    with pytest.raises(ValueError, match=r"intermediate\.dense\.weight \(20, 12\) instead of \(21"):
        export_to_hub(source, tmp_path / "pair")


def test_other_models_are_refused(tmp_path, handed_over):
    source = write_directory(tmp_path / "source", {**TINY, "model_type": "mpnet"}, {})
    with pytest.raises(ValueError, match="model_type='mpnet'"):
        export_to_hub(source, tmp_path / "pair")


def test_unknown_activation_is_refused(tmp_path, handed_over):
    with pytest.raises(ValueError, match=r"gelu, gelu_new,.* Received: hidden_act='mish'"):
        export_to_hub({**TINY, "hidden_act": "mish"}, tmp_path / "pair")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (VOCABULARY[3:], r"without \[PAD\], \[UNK\]$"),
        (["[UNK]", "[PAD]", *VOCABULARY[2:]], r"vocab.txt` must begin with \[PAD\], .* with id 1$"),
        ([*VOCABULARY, VOCABULARY[-1]], "vocab.txt` must not contain a piece twice"),
        ([*VOCABULARY, *(f"word{i}" for i in range(21))], "vocab_size=40 tokens.* with 41$"),
    ],
)
def test_vocabulary_that_does_not_go_with_the_encoder_is_refused(
    tmp_path, handed_over, vocabulary, message
):
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        export_to_hub(TINY, tmp_path / "pair", vocab_file=tmp_path / "vocab.txt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocab_size": 3}, "`vocab_size` must be at least 4.*Received: vocab_size=3$"),
        ({"layer_norm_eps": None}, "`layer_norm_eps` must be a positive number.*=None$"),
        ({"initializer_range": "0.02"}, "`initializer_range` must be a positive.*='0.02'$"),
    ],
)
def test_configuration_out_of_range_is_refused(tmp_path, handed_over, change, message):
    with pytest.raises(ValueError, match=message):
        export_to_hub(TINY | change, tmp_path / "pair")


def test_lower_case_must_be_a_bool(tmp_path, handed_over):
    with pytest.raises(ValueError, match=r"`lower_case` must be a bool. Received: lower_case='no'"):
        export_to_hub(TINY, tmp_path / "pair", lower_case="no")


def test_vocabulary_that_is_no_text_is_refused(tmp_path, handed_over):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(
        ValueError, match=r"vocab.txt, line 2: expected UTF-8 text, found the byte 0xff"
    ):
        export_to_hub(TINY, tmp_path / "pair", vocab_file=tmp_path / "vocab.txt")


def test_the_current_directory_if_it_is_empty(tmp_path, handed_over, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    export_to_hub(TINY, ".")
    assert (tmp_path / "empty" / "encoder").is_dir()


def test_full_directory_is_left_alone(tmp_path, handed_over):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match=r"`directory` must not exist yet, or be empty\. Rec"):
        export_to_hub(TINY, tmp_path)
    with pytest.raises(FileExistsError, match=r"Received: '.*file'"):
        export_to_hub(TINY, tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_half_written_is_left(tmp_path, handed_over, monkeypatch):
    from official.nlp.tools import export_tfhub_lib

    written = []

    def fail(path, **kwargs):
        written.extend(entry.name for entry in Path(path).parent.iterdir())
        raise OSError("No space left on device")

    monkeypatch.setattr(export_tfhub_lib, "export_preprocessing", fail)
    with pytest.raises(OSError, match="No space left"):
        export_to_hub(TINY, tmp_path / "pair")
    assert written == ["encoder"]
    assert not list(tmp_path.iterdir())


# The rest of the process


def test_keras_3_and_the_random_state_are_not_disturbed(tmp_path, encoder_only, capfd):
    levels = {name: logging.getLogger(name).level for name in ("tensorflow", "absl")}
    keras.utils.set_random_seed(1)
    expected = random.random(), np.random.rand(), keras.layers.Dense(2).kernel_initializer.seed
    keras.utils.set_random_seed(1)
    export_to_hub({**TINY, "num_hidden_layers": 1}, tmp_path / "pair")
    actual = random.random(), np.random.rand(), keras.layers.Dense(2).kernel_initializer.seed
    assert actual == expected
    assert "WARNING" not in "".join(capfd.readouterr())
    assert {name: logging.getLogger(name).level for name in levels} == levels

    assert tf.keras.__version__.startswith("3.")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    assert math.isfinite(model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0).history["loss"][0])
