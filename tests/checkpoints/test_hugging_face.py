import json
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_transformers.checkpoints.hugging_face import (
    check_tensors,
    complete_config,
    read_config,
    read_tensors,
    read_tokenizer_config,
    tensor_shapes,
)

CONFIG = {
    "vocab_size": 11,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 6,
    "max_position_embeddings": 7,
    "type_vocab_size": 3,
}

SHAPES = {
    "embeddings.word_embeddings.weight": (11, 4),
    "embeddings.position_embeddings.weight": (7, 4),
    "embeddings.token_type_embeddings.weight": (3, 4),
    "embeddings.LayerNorm.weight": (4,),
    "embeddings.LayerNorm.bias": (4,),
    "encoder.layer.0.attention.self.query.weight": (4, 4),
    "encoder.layer.0.attention.self.query.bias": (4,),
    "encoder.layer.0.attention.self.key.weight": (4, 4),
    "encoder.layer.0.attention.self.key.bias": (4,),
    "encoder.layer.0.attention.self.value.weight": (4, 4),
    "encoder.layer.0.attention.self.value.bias": (4,),
    "encoder.layer.0.attention.output.dense.weight": (4, 4),
    "encoder.layer.0.attention.output.dense.bias": (4,),
    "encoder.layer.0.attention.output.LayerNorm.weight": (4,),
    "encoder.layer.0.attention.output.LayerNorm.bias": (4,),
    "encoder.layer.0.intermediate.dense.weight": (6, 4),
    "encoder.layer.0.intermediate.dense.bias": (6,),
    "encoder.layer.0.output.dense.weight": (4, 6),
    "encoder.layer.0.output.dense.bias": (4,),
    "encoder.layer.0.output.LayerNorm.weight": (4,),
    "encoder.layer.0.output.LayerNorm.bias": (4,),
    "pooler.dense.weight": (4, 4),
    "pooler.dense.bias": (4,),
}


@pytest.fixture
def tensors():
    generator = np.random.default_rng(0)
    return {name: generator.standard_normal(SHAPES[name], "float32") for name in SHAPES}


def write_shards(directory, tensors):
    """Deals the tensors out to two files and writes the index that finds them."""
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = {name: files[i % 2] for i, name in enumerate(tensors)}
    for file in files:
        save_file(
            {name: tensors[name] for name in tensors if index[name] == file}, directory / file
        )
    index = {"metadata": {"total_size": 0}, "weight_map": index}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)


# Configuration


def test_config_is_read_and_completed(tmp_path):
    (tmp_path / "config.json").write_text(
        json.dumps({**CONFIG, "model_type": "bert", "layer_norm_eps": 1e-5, "architectures": ["X"]})
    )
    assert complete_config(read_config(tmp_path)) == {
        **CONFIG,
        "model_type": "bert",
        "architectures": ["X"],
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.02,
    }


def test_completing_leaves_the_given_config_alone():
    given = dict(CONFIG)
    complete_config(given)
    assert given == CONFIG


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "roberta"}, "model_type='bert'. Received: model_type='roberta'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type='relative_key'"),
        ({"is_decoder": True}, "is_decoder=True"),
        ({"num_hidden_layers": 0}, "`num_hidden_layers` must be a positive integer"),
        ({"vocab_size": "30522"}, "`vocab_size` must be a positive integer"),
        ({"hidden_dropout_prob": 1.0}, "`hidden_dropout_prob` must be in the interval"),
        ({"layer_norm_eps": 0}, "`layer_norm_eps` must be a positive number"),
        ({"initializer_range": -1.0}, "`initializer_range` must be a positive number"),
        ({"num_attention_heads": 3}, "hidden_size=4, num_attention_heads=3"),
    ],
)
def test_config_of_something_else_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        complete_config({**CONFIG, **change})


def test_missing_sizes_are_named():
    config = {"vocab_size": 11, "num_attention_heads": 2, "intermediate_size": 6, "num_layers": 1}
    with pytest.raises(ValueError, match=r"must have hidden_size, num_hidden_layers\. Received"):
        complete_config(config)


def test_missing_directory_and_file_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"local directory\. Received: '.*nowhere'"):
        read_config(tmp_path / "nowhere")
    (tmp_path / "vocab.txt").touch()
    with pytest.raises(FileNotFoundError, match=r"a file config\.json\. .*\['vocab\.txt'\]"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"config\.json, line 1: expected JSON, found"),
        ("[]", r"config\.json: expected a JSON object, found \[\]"),
    ],
)
def test_config_that_is_no_json_object_is_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path)


def test_tokenizer_config(tmp_path):
    assert read_tokenizer_config(tmp_path) == {}
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert read_tokenizer_config(tmp_path) == {"do_lower_case": False}


# Tensors


def test_tensor_shapes_are_those_of_bert():
    assert tensor_shapes(complete_config(CONFIG)) == SHAPES


@pytest.mark.parametrize("write", [save_file, write_shards], ids=["one file", "shards"])
@pytest.mark.parametrize("prefix", ["", "bert."])
def test_tensors_come_under_the_same_names_from_every_layout(tmp_path, tensors, write, prefix):
    head = {"cls.predictions.bias": np.arange(11, dtype="float32")}
    stored = {prefix + name: tensor for name, tensor in tensors.items()} | head
    write(stored, tmp_path / "model.safetensors") if write is save_file else write(tmp_path, stored)
    assert_same(read_tensors(tmp_path), tensors | head)


def test_old_names_of_the_layer_normalisations(tmp_path, tensors):
    old = {
        "bert." + name.replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): value
        for name, value in tensors.items()
    }
    assert "bert.embeddings.LayerNorm.gamma" in old
    save_file(old, tmp_path / "model.safetensors")
    assert_same(read_tensors(tmp_path), tensors)


def test_floats_become_float32_and_integers_stay(tmp_path):
    stored = {
        "half": np.array([1.5, -2.0], "float16"),
        "double": np.array([0.25], "float64"),
        "position_ids": np.arange(3, dtype="int64"),
    }
    save_file(stored, tmp_path / "model.safetensors")
    tensors = read_tensors(tmp_path)
    assert {name: tensor.dtype.name for name, tensor in tensors.items()} == {
        "half": "float32",
        "double": "float32",
        "position_ids": "int64",
    }
    assert_same(tensors, stored)


def test_bfloat16_becomes_float32(tmp_path):
    # Written by hand from the format's description: 1.0 and 2.0 are 3f80 and 4000.
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    data = struct.pack("<Q", len(header)) + header + bytes.fromhex("803f0040")
    (tmp_path / "model.safetensors").write_bytes(data)
    tensor = read_tensors(tmp_path)["x"]
    assert tensor.dtype == np.float32
    assert tensor.tolist() == [1.0, 2.0]


def test_missing_shard_is_named(tmp_path, tensors):
    write_shards(tmp_path, tensors)
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"a file model-00002-of-00002\.safetensors"):
        read_tensors(tmp_path)


def test_index_without_a_map_is_refused(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match=r"index\.json' must have a `weight_map`"):
        read_tensors(tmp_path)


def test_missing_weights_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must have a file model\.safetensors"):
        read_tensors(tmp_path)


@pytest.mark.parametrize("cut", ["pointer", "half"])
def test_file_that_is_not_complete_is_named(tmp_path, tensors, cut):
    file = tmp_path / "model.safetensors"
    save_file(tensors, file)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if cut == "half" else b"version https://git-lfs")
    with pytest.raises(ValueError, match=r"model\.safetensors' must be a complete safetensors"):
        read_tensors(tmp_path)


def test_the_command_given_for_a_pickle_converts_it(tmp_path, tensors):
    torch = pytest.importorskip("torch")
    directory = tmp_path / "it's here"
    directory.mkdir()
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    tied = {"cls.predictions.decoder.weight": state["embeddings.word_embeddings.weight"]}
    torch.save(state | tied, directory / "pytorch_model.bin")
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin but no model\.saf") as error:
        read_tensors(directory)
    command = str(error.value).partition("with torch: ")[2]
    assert command.startswith("python -c ")
    subprocess.run(sys.executable + command.removeprefix("python"), shell=True, check=True)
    word_embeddings = tensors["embeddings.word_embeddings.weight"]
    expected = tensors | {"cls.predictions.decoder.weight": word_embeddings}
    assert_same(read_tensors(directory), expected)


def test_missing_and_surplus_tensors_are_named(tensors):
    shapes = tensor_shapes(complete_config(CONFIG))
    check_tensors(tensors, shapes)
    for name in ("embeddings.LayerNorm.bias", "pooler.dense.bias"):
        del tensors[name]
    message = (
        rf"the {len(shapes)} weights .* missing: embeddings\.LayerNorm\.bias, pooler\.dense\.bias; "
        r"surplus: classifier\.weight$"
    )
    with pytest.raises(ValueError, match=message):
        check_tensors(tensors | {"classifier.weight": np.zeros((2, 4))}, shapes)


def test_long_lists_of_missing_tensors_are_cut(tensors):
    other = {f"roberta.{name}": tensor for name, tensor in tensors.items()}
    message = r"missing: embeddings\.Layer.* and 3 more; surplus: roberta\..* and 3 more$"
    with pytest.raises(ValueError, match=message):
        check_tensors(other, tensor_shapes(complete_config(CONFIG)))


def test_tensors_of_another_shape_are_named(tensors):
    config = complete_config({**CONFIG, "vocab_size": 12, "max_position_embeddings": 8})
    message = (
        r"word_embeddings\.weight \(11, 4\) instead of \(12, 4\), "
        r".*position_embeddings\.weight \(7, 4\) instead of \(8, 4\)$"
    )
    with pytest.raises(ValueError, match=message):
        check_tensors(tensors, tensor_shapes(config))
