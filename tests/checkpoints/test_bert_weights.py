import json
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import keras
import numpy as np
import pytest
from keras import ops
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from keras_transformers.checkpoints import bert_weights
from keras_transformers.checkpoints.bert_weights import find_directory, read_bert
from keras_transformers.models.bert_encoder import BertEncoder, gelu_tanh

BERT = {
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
DISTILBERT = {
    "model_type": "distilbert",
    "vocab_size": 40,
    "dim": 12,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 20,
    "max_position_embeddings": 16,
    "activation": "gelu",
    "dropout": 0.2,
    "attention_dropout": 0.3,
    "sinusoidal_pos_embds": False,
    "pad_token_id": 0,
}


def modules(**shapes):
    """Weight and bias of modules given by `name=shape`, with `__` for a dot."""
    rng = np.random.default_rng(3)
    tensors = {}
    for name, shape in shapes.items():
        name = name.replace("__", ".")
        tensors[f"{name}.weight"] = rng.normal(len(shape) == 1, 0.4, shape).astype("float32")
        if "embeddings.LayerNorm" in name or "_embeddings" not in name:
            tensors[f"{name}.bias"] = rng.normal(0, 0.4, shape[0]).astype("float32")
    return tensors


def bert_tensors():
    shapes = {
        "embeddings.word_embeddings": (40, 12),
        "embeddings.position_embeddings": (16, 12),
        "embeddings.token_type_embeddings": (2, 12),
        "embeddings.LayerNorm": (12,),
        "pooler.dense": (12, 12),
    }
    for i in range(2):
        shapes |= {
            f"encoder.layer.{i}.attention.self.query": (12, 12),
            f"encoder.layer.{i}.attention.self.key": (12, 12),
            f"encoder.layer.{i}.attention.self.value": (12, 12),
            f"encoder.layer.{i}.attention.output.dense": (12, 12),
            f"encoder.layer.{i}.attention.output.LayerNorm": (12,),
            f"encoder.layer.{i}.intermediate.dense": (20, 12),
            f"encoder.layer.{i}.output.dense": (12, 20),
            f"encoder.layer.{i}.output.LayerNorm": (12,),
        }
    return modules(**shapes)


def distilbert_tensors():
    shapes = {
        "distilbert.embeddings.word_embeddings": (40, 12),
        "distilbert.embeddings.position_embeddings": (16, 12),
        "distilbert.embeddings.LayerNorm": (12,),
        "vocab_transform": (12, 12),
        "vocab_layer_norm": (12,),
        "vocab_projector": (40, 12),
    }
    for i in range(2):
        layer = f"distilbert.transformer.layer.{i}"
        shapes |= {
            f"{layer}.attention.q_lin": (12, 12),
            f"{layer}.attention.k_lin": (12, 12),
            f"{layer}.attention.v_lin": (12, 12),
            f"{layer}.attention.out_lin": (12, 12),
            f"{layer}.sa_layer_norm": (12,),
            f"{layer}.ffn.lin1": (20, 12),
            f"{layer}.ffn.lin2": (12, 20),
            f"{layer}.output_layer_norm": (12,),
        }
    return modules(**shapes)


def write(directory, config, tensors, shards=1):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    if shards == 1:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return directory
    names = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
    files = {tensor: names[i % shards] for i, tensor in enumerate(tensors)}
    for name in names:
        save_file({t: tensors[t] for t in tensors if files[t] == name}, directory / name)
    index = {"metadata": {}, "weight_map": files}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bert"), BERT, bert_tensors())


@pytest.fixture(scope="module")
def distilbert(tmp_path_factory):
    return write(tmp_path_factory.mktemp("distilbert"), DISTILBERT, distilbert_tensors())


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A small BERT with masked-language-modelling head as TensorFlow Hub has them."""
    import tensorflow as tf
    from official.legacy.bert.configs import BertConfig
    from official.nlp.tools import export_tfhub_lib

    folder = tmp_path_factory.mktemp("tf_hub")
    config = {name: value for name, value in BERT.items() if name in BertConfig(40).to_dict()}
    config = BertConfig.from_dict(config)
    _, pretrainer = export_tfhub_lib._create_model(bert_config=config, with_mlm=True)
    rng = np.random.default_rng(5)
    for variable in pretrainer.variables:
        variable.assign(rng.normal(0, 0.5, variable.shape))
    checkpoint = tf.train.Checkpoint(**pretrainer.checkpoint_items).save(str(folder / "checkpoint"))
    (folder / "vocab.txt").write_text("\n".join(f"token{i}" for i in range(40)))
    export_tfhub_lib.export_model(
        str(folder / "model"),
        bert_config=config,
        model_checkpoint_path=checkpoint,
        with_mlm=True,
        vocab_file=str(folder / "vocab.txt"),
        do_lower_case=True,
    )
    return folder / "model"


INPUTS = {
    "input_word_ids": np.random.default_rng(1).integers(0, 40, (3, 9)).astype("int32"),
    "input_mask": (np.arange(9) < [[9], [4], [1]]).astype("int32"),
    "input_type_ids": np.random.default_rng(2).integers(0, 2, (3, 9)).astype("int32"),
}


def outputs_of(encoder):
    outputs = encoder(INPUTS)
    names = ("sequence_output", "pooled_output")
    return {name: ops.convert_to_numpy(outputs[name]) for name in names}


def assert_equal_weights(first, second):
    assert [v.path.partition("/")[2] for v in first.weights] == [
        v.path.partition("/")[2] for v in second.weights
    ]
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Hugging Face's layout: that the plain one is read right, test_bert_encoder.py shows


def with_prefix(tensors):
    return {f"bert.{name}": tensor for name, tensor in tensors.items()}


def with_heads(tensors):
    heads = {
        "cls.predictions.bias": np.zeros(40, "float32"),
        "cls.seq_relationship.weight": np.zeros((2, 12), "float32"),
        "classifier.weight": np.zeros((4, 12), "float32"),
        "qa_outputs.bias": np.zeros(2, "float32"),
        "bert.embeddings.position_ids": np.arange(16)[None],
    }
    return with_prefix(tensors) | heads


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("layout", [dict, with_prefix, with_heads])
def test_every_layout_gives_the_same_encoder(tmp_path, bert, layout, shards):
    write(tmp_path, BERT, layout(bert_tensors()), shards)
    assert_equal_weights(
        BertEncoder.from_pretrained(tmp_path), BertEncoder.from_pretrained(str(bert))
    )


def test_arguments_come_from_the_configuration(bert):
    arguments = read_bert(bert).arguments
    assert arguments == {
        "vocab_size": 40,
        "num_layers": 2,
        "hidden_size": 12,
        "num_heads": 3,
        "intermediate_size": 20,
        "max_positions": 16,
        "type_vocab_size": 2,
        "dropout": 0.2,
        "attention_dropout": 0.3,
        "activation": "gelu",
        "epsilon": 1e-12,
        "pooler": True,
    }


def test_arguments_can_be_replaced(bert):
    encoder = BertEncoder.from_pretrained(bert, dropout=0.0, dtype="mixed_bfloat16")
    assert encoder.dropout == 0.0
    assert encoder.attention_dropout == 0.3
    assert encoder.compute_dtype == "bfloat16"


def test_without_pooler(tmp_path, bert):
    tensors = {n: t for n, t in bert_tensors().items() if not n.startswith("pooler")}
    encoder = BertEncoder.from_pretrained(write(tmp_path, BERT, tensors))
    outputs, expected = outputs_of(encoder), outputs_of(BertEncoder.from_pretrained(bert))
    assert encoder.pooler is False
    np.testing.assert_array_equal(outputs["sequence_output"], expected["sequence_output"])
    np.testing.assert_array_equal(outputs["pooled_output"], expected["sequence_output"][:, 0])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gelu", keras.activations.gelu),
        ("gelu_new", gelu_tanh),
        ("gelu_pytorch_tanh", gelu_tanh),
        ("relu", keras.activations.relu),
        ("silu", keras.activations.silu),
    ],
)
def test_activations(tmp_path, name, expected):
    write(tmp_path, BERT | {"hidden_act": name}, bert_tensors())
    encoder = BertEncoder.from_pretrained(tmp_path)
    encoder.save_pretrained(tmp_path)
    assert encoder.activation is expected
    assert BertEncoder.from_pretrained(tmp_path).activation is expected


def test_masked_language_modelling_head(tmp_path, bert):
    head = {
        "transform.dense.weight": np.ones((12, 12), "float32"),
        "transform.LayerNorm.bias": np.ones(12, "float32"),
        "bias": np.ones(40, "float32"),
    }
    tensors = {f"cls.predictions.{name}": tensor for name, tensor in head.items()}
    checkpoint = read_bert(write(tmp_path, BERT, with_prefix(bert_tensors()) | tensors))
    assert checkpoint.masked_lm.keys() == head.keys()
    assert checkpoint.tensors.keys() == bert_tensors().keys()
    assert read_bert(bert).masked_lm == {}


def test_wrong_tensors_are_named(tmp_path):
    tensors = bert_tensors()
    del tensors["encoder.layer.1.output.dense.bias"]
    tensors["encoder.layer.2.output.dense.bias"] = np.zeros(12, "float32")
    tensors["embeddings.LayerNorm.bias"] = np.zeros(13, "float32")
    write(tmp_path, BERT, tensors)
    with pytest.raises(ValueError, match=r"the 39 weights of this encoder. Received") as error:
        BertEncoder.from_pretrained(tmp_path)
    assert "missing: encoder.layer.1.output.dense.bias;" in str(error.value)
    assert "surplus: encoder.layer.2.output.dense.bias;" in str(error.value)
    assert "shape: embeddings.LayerNorm.bias (13,) instead of (12,)" in str(error.value)


def test_long_lists_of_wrong_tensors_are_cut(tmp_path):
    write(tmp_path, BERT | {"num_hidden_layers": 6}, bert_tensors())
    with pytest.raises(ValueError, match=r"encoder\.layer\.2.* and 44 more$"):
        BertEncoder.from_pretrained(tmp_path)


def test_unknown_activation(tmp_path):
    write(tmp_path, BERT | {"hidden_act": "mish"}, bert_tensors())
    with pytest.raises(ValueError, match=r"`hidden_act` must be one of gelu, .*Received: 'mish'"):
        read_bert(tmp_path)


def test_other_padding_id_is_told(tmp_path):
    write(tmp_path, BERT | {"pad_token_id": 1}, bert_tensors())
    with pytest.warns(UserWarning, match=r"pads with id 1. Give `input_mask`"):
        read_bert(tmp_path)


def test_other_model_is_refused(tmp_path):
    write(tmp_path, BERT | {"model_type": "roberta"}, bert_tensors())
    with pytest.raises(ValueError, match=r"model_type='bert'.* Received: model_type='roberta'"):
        BertEncoder.from_pretrained(tmp_path)


def test_pickle_is_refused_with_the_way_to_convert_it(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(BERT))
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(FileNotFoundError, match="weights_only=True"):
        BertEncoder.from_pretrained(tmp_path)


# DistilBERT


def test_distilbert_equals_keras_hub(distilbert):
    import keras_hub

    backbone = keras_hub.models.DistilBertBackbone.from_preset(str(distilbert))
    expected = backbone(
        {"token_ids": INPUTS["input_word_ids"], "padding_mask": INPUTS["input_mask"]}
    )
    encoder = BertEncoder.from_pretrained(distilbert)
    outputs = outputs_of(encoder)
    np.testing.assert_allclose(outputs["sequence_output"], expected, atol=1e-5)
    np.testing.assert_array_equal(outputs["pooled_output"], outputs["sequence_output"][:, 0])
    assert (encoder.dropout, encoder.attention_dropout) == (0.2, 0.3)


def test_distilbert_without_prefix_or_head(tmp_path, distilbert):
    tensors = {
        name.removeprefix("distilbert."): tensor
        for name, tensor in distilbert_tensors().items()
        if name.startswith("distilbert.")
    }
    write(tmp_path, DISTILBERT, tensors)
    assert_equal_weights(
        BertEncoder.from_pretrained(tmp_path), BertEncoder.from_pretrained(distilbert)
    )


def test_distilbert_head_has_berts_names(distilbert):
    tensors = distilbert_tensors()
    expected = {
        "transform.dense.weight": "vocab_transform.weight",
        "transform.dense.bias": "vocab_transform.bias",
        "transform.LayerNorm.weight": "vocab_layer_norm.weight",
        "transform.LayerNorm.bias": "vocab_layer_norm.bias",
        "decoder.weight": "vocab_projector.weight",
        "bias": "vocab_projector.bias",
    }
    head = read_bert(distilbert).masked_lm
    assert head.keys() == expected.keys()
    for name, theirs in expected.items():
        np.testing.assert_array_equal(head[name], tensors[theirs])


def test_distilbert_with_surplus_tensor(tmp_path):
    name = "distilbert.transformer.layer.0.attention.r_lin.weight"
    write(tmp_path, DISTILBERT, distilbert_tensors() | {name: np.zeros(3, "float32")})
    with pytest.raises(ValueError, match=r"surplus: transformer\.layer\.0\.attention\.r_lin"):
        BertEncoder.from_pretrained(tmp_path)


def test_distilbert_without_a_size(tmp_path):
    config = {name: value for name, value in DISTILBERT.items() if name not in ("dim", "dropout")}
    write(tmp_path, config, distilbert_tensors())
    with pytest.raises(ValueError, match=r"config.json must have dim, dropout\. Received: "):
        read_bert(tmp_path)


# TensorFlow Hub's SavedModel


def test_saved_model_equals_itself_run_by_tensorflow(saved_model):
    import tensorflow as tf

    expected = tf.saved_model.load(str(saved_model))(INPUTS)
    encoder = BertEncoder.from_pretrained(saved_model)
    for name, value in outputs_of(encoder).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)
    # What exporter and published models compute is the approximation.
    assert encoder.activation is gelu_tanh


def test_saved_model_becomes_a_hugging_face_directory(saved_model, tmp_path):
    encoder = BertEncoder.from_pretrained(saved_model)
    encoder.save_pretrained(tmp_path)
    assert_equal_weights(BertEncoder.from_pretrained(tmp_path), encoder)
    assert json.loads((tmp_path / "config.json").read_text())["hidden_act"] == "gelu_new"


def test_saved_model_head_gives_its_logits(saved_model):
    import tensorflow as tf

    positions = np.array([[0, 2], [1, 3], [0, 8]], "int32")
    mlm = tf.saved_model.load(str(saved_model)).mlm
    expected = mlm(INPUTS | {"masked_lm_positions": positions})["mlm_logits"]

    checkpoint = read_bert(saved_model)
    head = checkpoint.masked_lm
    x = outputs_of(BertEncoder.from_pretrained(saved_model))["sequence_output"]
    x = np.take_along_axis(x, positions[..., None], 1) @ head["transform.dense.weight"].T
    x = ops.convert_to_numpy(gelu_tanh(x + head["transform.dense.bias"]))
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
    x = x * head["transform.LayerNorm.weight"] + head["transform.LayerNorm.bias"]
    logits = x @ checkpoint.tensors["embeddings.word_embeddings.weight"].T + head["bias"]
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("activation", ["gelu", "gelu_tanh", "relu", "selu"])
def test_saved_model_activation_is_told_from_the_graph(activation, tmp_path):
    import tensorflow as tf

    function = {"gelu_tanh": gelu_tanh}.get(activation) or keras.activations.get(activation)
    module = tf.Module()
    module.call = tf.function(lambda x: tf.tanh(function(x)), [tf.TensorSpec([None])])
    tf.saved_model.save(module, str(tmp_path))
    if activation == "selu":
        with pytest.raises(ValueError, match=r"must be gelu, .* with operations .*Selu"):
            bert_weights._saved_activation(tmp_path)
    else:
        assert bert_weights._saved_activation(tmp_path) == activation


def test_saved_model_of_something_else(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable([1.0, 2.0], name="dense/kernel")
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(ValueError, match=r"word_embeddings/embeddings. Received: .*dense/kernel"):
        BertEncoder.from_pretrained(tmp_path)


# Writing


@pytest.mark.parametrize("source", ["bert", "distilbert", "minilm"])
def test_round_trip_is_exact(source, request, tmp_path):
    source = request.getfixturevalue(source)
    first = BertEncoder.from_pretrained(source)
    first.save_pretrained(tmp_path / "new" / "directory")
    second = BertEncoder.from_pretrained(tmp_path / "new" / "directory")
    assert_equal_weights(first, second)
    first, second = first.get_config(), second.get_config()
    assert first.pop("name") != second.pop("name")
    assert first == second


@pytest.mark.parametrize("source", ["bert", "distilbert", "minilm"])
def test_written_file_is_the_one_read(source, request, tmp_path):
    """Names, shapes and values are those that others wrote, but for heads and position ids."""
    source = request.getfixturevalue(source)
    BertEncoder.from_pretrained(source).save_pretrained(tmp_path)
    expected = load_file(source / "model.safetensors")
    expected.pop("embeddings.position_ids", None)
    expected = {n: tensor for n, tensor in expected.items() if not n.startswith("vocab_")}
    written = load_file(tmp_path / "model.safetensors")
    assert written.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(written[name], expected[name], err_msg=name)
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert file.metadata() == {"format": "pt"}

    config = json.loads((source / "config.json").read_text())
    config["architectures"] = {"bert": ["BertModel"], "distilbert": ["DistilBertModel"]}[
        config["model_type"]
    ]
    for name, value in json.loads((tmp_path / "config.json").read_text()).items():
        if name != "torch_dtype":
            assert value == config[name]


def test_keras_hub_opens_what_is_written(bert, tmp_path):
    import keras_hub

    # KerasHub computes GELU by its tanh approximation, whatever the checkpoint asks for.
    encoder = BertEncoder.from_pretrained(bert, activation="gelu_tanh")
    encoder.save_pretrained(tmp_path)
    backbone = keras_hub.models.BertBackbone.from_preset(str(tmp_path))
    expected = backbone(
        {
            "token_ids": INPUTS["input_word_ids"],
            "padding_mask": INPUTS["input_mask"],
            "segment_ids": INPUTS["input_type_ids"],
        }
    )
    for name, value in outputs_of(encoder).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_keras_hub_opens_a_written_distilbert(distilbert, tmp_path):
    import keras_hub

    encoder = BertEncoder.from_pretrained(distilbert)
    encoder.save_pretrained(tmp_path)
    backbone = keras_hub.models.DistilBertBackbone.from_preset(str(tmp_path))
    expected = backbone(
        {"token_ids": INPUTS["input_word_ids"], "padding_mask": INPUTS["input_mask"]}
    )
    np.testing.assert_allclose(outputs_of(encoder)["sequence_output"], expected, atol=1e-5)


@pytest.mark.parametrize("step", ["safetensors.numpy.save_file", "json.dumps"])
def test_interrupted_writing_leaves_the_old_files(bert, tmp_path, monkeypatch, step):
    write(tmp_path, BERT, bert_tensors())
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    encoder = BertEncoder(40, 1, 12, 3, 20)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        encoder.save_pretrained(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_writing_leaves_other_files_alone(bert, tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]")
    BertEncoder.from_pretrained(bert).save_pretrained(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["config.json", "model.safetensors", "vocab.txt"]


def test_writing_beside_shards_is_refused(tmp_path):
    encoder = BertEncoder.from_pretrained(write(tmp_path, BERT, bert_tensors(), shards=2))
    with pytest.raises(ValueError, match=r"in shards\. Received: .*model.safetensors.index.json"):
        encoder.save_pretrained(tmp_path)


@pytest.mark.parametrize("arguments", [{"pooler": True}, {"pooler": False, "epsilon": 1e-6}])
def test_no_layout_without_segments_but_distilberts(arguments, tmp_path):
    encoder = BertEncoder(40, 1, 12, 3, 20, type_vocab_size=0, **arguments)
    with pytest.raises(ValueError, match=r"written as a DistilBERT.* Received: pooler="):
        encoder.save_pretrained(tmp_path)


def test_no_name_for_the_activation(tmp_path):
    encoder = BertEncoder(40, 1, 12, 3, 20, activation="selu")
    with pytest.raises(
        ValueError, match=r"`activation` must be one of gelu, gelu_tanh, relu, silu"
    ):
        encoder.save_pretrained(tmp_path)


# Names on the Hub

FIND = """
import json, sys, time
from keras_transformers.checkpoints import bert_weights

bert_weights._TIMEOUT = 1
for name in sys.argv[1:]:
    start = time.perf_counter()
    try:
        found = str(bert_weights.find_directory(name))
    except FileNotFoundError as error:
        found = str(error)
    print(json.dumps([found, time.perf_counter() - start]))
"""


def find_in_new_process(*names, **environment):
    """Runs `find_directory` under other settings of huggingface_hub, which it reads only once.

    Returns the directory, or what the error says, and the seconds it took, for each name.
    """
    environment = os.environ | {"no_proxy": "*"} | environment
    command = [sys.executable, "-c", FIND, *names]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def test_silent_hub_is_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        [[error, seconds]] = find_in_new_process(
            "some/model", HF_ENDPOINT=address, HF_HOME=str(tmp_path)
        )
    assert error.startswith("`name_or_directory` must be a directory, or the name or address")
    assert error.endswith("Received: 'some/model' (timed out)")
    assert seconds < 20


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face Hub as a download asks for."""

    commit = "0123456789abcdef0123456789abcdef01234567"
    models: dict = {}  # noqa: RUF012

    def do_GET(self):
        parts = self.path.partition("?")[0].removeprefix("/api/models").split("/")
        files = self.models["/".join(parts[1:3])]
        if parts[3:4] == ["tree"]:
            content = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in files.items()
            ]
        elif parts[3:4] == ["resolve"]:
            content = files["/".join(parts[5:])]
        else:
            content = {"id": "/".join(parts[1:3]), "sha": self.commit, "siblings": []}
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{abs(hash(data))}"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *args):
        pass


def test_names_are_downloaded_once(bert, tmp_path, monkeypatch):
    files = {file.name: file.read_bytes() for file in bert.iterdir()}
    pickle = {"config.json": b"{}", "pytorch_model.bin": b"not wanted"}
    other = {"2_Dense/model.safetensors": b"not wanted"}
    monkeypatch.setattr(Hub, "models", {"some/bert": files | pickle | files | other, "a/b": pickle})
    home = {"HF_HOME": str(tmp_path)}
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        [[directory, _], [error, _]] = find_in_new_process(
            "some/bert", "a/b", HF_ENDPOINT=address, **home
        )
        server.shutdown()
    assert sorted(os.listdir(directory)) == ["config.json", "model.safetensors"]
    assert_equal_weights(BertEncoder.from_pretrained(directory), BertEncoder.from_pretrained(bert))
    assert error.startswith("'a/b' must have model.safetensors on the Hugging Face Hub.")
    assert "hf download a/b --local-dir DIRECTORY" in error

    [[cached, _], [error, seconds]] = find_in_new_process(
        "some/bert", "never/seen", HF_HUB_OFFLINE="1", **home
    )
    assert cached == directory
    assert "Received: 'never/seen' (" in error
    assert seconds < 5


def test_what_is_no_name_either(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`name_or_directory` must be .*'no/such/direct"):
        BertEncoder.from_pretrained("no/such/directory")


def test_directory_is_found_as_it_is(tmp_path):
    assert find_directory(tmp_path) == tmp_path


def test_tf_hub_archive_is_unpacked(saved_model, tmp_path, monkeypatch):
    import tarfile

    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(saved_model, ".")
    assert_equal_weights(
        BertEncoder.from_pretrained(tmp_path / "model.tar.gz"),
        BertEncoder.from_pretrained(saved_model),
    )
