"""A BERT SavedModel's features in our own blocks: the same, or left to the SavedModel."""

import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.hub import HubLayer
from keras_transformers.hub.native_features import native_features
from keras_transformers.models import BertEncoder, encoder_classifier
from keras_transformers.text import bert_inputs

SAMPLE = bert_inputs(np.array([[2, 5, 9, 3]]))
BATCH = bert_inputs(np.array([[2, 5, 9, 3, 0], [2, 7, 3, 0, 0], [2, 4, 11, 6, 3]]))


def features_of(encoder, pooling="mean"):
    return encoder_classifier(encoder, pooling=pooling).get_layer("features")


def encoder_in(features):
    return next(layer for layer in features.layers if isinstance(layer, BertEncoder))


@pytest.mark.parametrize("pooling", ["mean", "pooled"])
def test_gives_the_same(tiny_pair, pooling):
    features = features_of(HubLayer(str(tiny_pair / "encoder")), pooling)
    native = native_features(features, SAMPLE)
    assert encoder_in(native).compute_dtype == "float32"
    np.testing.assert_allclose(native(BATCH), features(BATCH), rtol=0, atol=1e-5)


def test_a_bert_that_has_signatures_alone(tiny_pair, tmp_path):
    encoder = tf.saved_model.load(str(tiny_pair / "encoder"))
    module = tf.Module()
    module.encoder = encoder
    specs = {name: tf.TensorSpec((None, None), tf.int32, name=name) for name in SAMPLE}

    @tf.function(input_signature=[specs])
    def serve(inputs):
        outputs = encoder(inputs)
        return {name: outputs[name] for name in ("sequence_output", "pooled_output")}

    tf.saved_model.save(module, str(tmp_path), signatures=serve)
    features = features_of(HubLayer(str(tmp_path), signature="serving_default"))
    native = native_features(features, SAMPLE)
    np.testing.assert_allclose(native(BATCH), features(BATCH), rtol=0, atol=1e-5)


def test_computes_in_the_layers_dtype(tiny_pair):
    features = features_of(HubLayer(str(tiny_pair / "encoder"), dtype="mixed_bfloat16"))
    native = native_features(features, SAMPLE)
    assert encoder_in(native).compute_dtype == "bfloat16"
    given, expected = (tf.cast(model(BATCH), "float32") for model in (native, features))
    np.testing.assert_allclose(given, expected, rtol=0, atol=0.05)


def test_other_weights_than_in_the_file_stay_where_they_are(tiny_pair):
    layer = HubLayer(str(tiny_pair / "encoder"))
    kernel = next(w for w in layer.weights if "query.kernel" in w.name)
    kernel.assign(2 * kernel)
    features = features_of(layer)
    assert native_features(features, SAMPLE) is features


def test_a_weight_that_the_sample_does_not_need_counts_too(tiny_pair):
    layer = HubLayer(str(tiny_pair / "encoder"))
    words = next(w for w in layer.weights if "word_embeddings" in w.name)
    words.assign(words.numpy() + np.eye(*words.shape)[::-1])
    features = features_of(layer)
    assert native_features(features, bert_inputs(np.array([[1, 2, 3]]))) is features


def test_another_kind_of_saved_model_stays(tmp_path):
    module = tf.Module()
    module.table = tf.Variable(np.eye(12, dtype="float32"))
    specs = {name: tf.TensorSpec((None, None), tf.int32, name=name) for name in SAMPLE}

    @tf.function(input_signature=[specs])
    def call(inputs):
        vectors = tf.gather(module.table, inputs["input_word_ids"])
        return {"sequence_output": vectors, "pooled_output": vectors[:, 0]}

    module.__call__ = call
    tf.saved_model.save(module, str(tmp_path))
    features = features_of(HubLayer(str(tmp_path)))
    assert native_features(features, SAMPLE) is features


def test_what_holds_no_saved_model_stays():
    features = features_of(BertEncoder(12, 1, 8, 2, 16))
    assert native_features(features, SAMPLE) is features
