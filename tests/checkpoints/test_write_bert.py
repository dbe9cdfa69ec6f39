"""Writing Hugging Face's layout."""

import json
import os

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file
from support.bert_checkpoints import (
    BERT,
    INPUTS,
    assert_equal_weights,
    bert_tensors,
    outputs_of,
    write,
)

from keras_transformers.models import BertEncoder


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
