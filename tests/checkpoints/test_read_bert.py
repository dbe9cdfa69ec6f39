"""Reading Hugging Face's layouts; that the plain one is read right, test_bert_encoder.py shows."""

import json

import keras
import numpy as np
import pytest
from support.bert_checkpoints import (
    BERT,
    DISTILBERT,
    INPUTS,
    assert_equal_weights,
    bert_tensors,
    distilbert_tensors,
    outputs_of,
    write,
)

from keras_transformers.checkpoints.read_bert import read_bert
from keras_transformers.layers.gelu_tanh import gelu_tanh
from keras_transformers.models import BertEncoder


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
