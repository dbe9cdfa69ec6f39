"""Reading TensorFlow Hub's SavedModels."""

import json

import keras
import numpy as np
import pytest
from keras import ops
from support.bert_checkpoints import (
    INPUTS,
    assert_equal_weights,
    outputs_of,
)

from keras_transformers.checkpoints.read_bert import read_bert
from keras_transformers.checkpoints.read_saved_bert import saved_activation
from keras_transformers.layers.gelu_tanh import gelu_tanh
from keras_transformers.models import BertEncoder


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
            saved_activation(tmp_path)
    else:
        assert saved_activation(tmp_path) == activation


def test_two_activations_in_one_graph(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(
        lambda x: keras.activations.gelu(x) + gelu_tanh(x), [tf.TensorSpec([None])]
    )
    tf.saved_model.save(module, str(tmp_path))
    with pytest.warns(UserWarning, match="operations of gelu and gelu_tanh: .* taken to be gelu"):
        assert saved_activation(tmp_path) == "gelu"


def test_saved_model_of_something_else(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable([1.0, 2.0], name="dense/kernel")
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(ValueError, match=r"word_embeddings/embeddings. Received: .*dense/kernel"):
        BertEncoder.from_pretrained(tmp_path)
