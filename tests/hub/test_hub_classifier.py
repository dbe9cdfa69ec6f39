"""Also tests `encoder_classifier`, which it is made with."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.hub import HubLayer, hub_classifier
from keras_transformers.hub.hub_classifier import ENCODER, PREPROCESSOR
from keras_transformers.models import encoder_classifier

TEXTS = ["a b rains", "sun", "", "j i " * 30]

FRESH_PROCESS = """
import sys
import keras, numpy as np
import keras_transformers
model = keras.saving.load_model(sys.argv[1], safe_mode=False)
np.save(sys.argv[2], model.predict_texts(sys.argv[3:]))
"""


def build(pair, **options):
    keras.utils.set_random_seed(0)
    return hub_classifier(str(pair / "preprocessor"), str(pair / "encoder"), **options)


def test_only_the_last_layer_is_trained(tiny_pair):
    model = build(tiny_pair)
    encoder = HubLayer(str(tiny_pair / "encoder"))
    assert [w.shape for w in model.trainable_weights] == [(8, 4), (4,)]
    assert model.count_params() == encoder.count_params() + 8 * 4 + 4
    unfrozen = build(tiny_pair, trainable=True)
    # do_lower_case is a variable, but not one to be trained.
    assert len(unfrozen.trainable_weights) == len(unfrozen.weights) - 1


@pytest.mark.slow
def test_counts_of_the_lesson(tmp_path):
    from keras_transformers.hub import export_to_hub

    config = {"model_type": "bert", "vocab_size": 30522, "num_hidden_layers": 4}
    config |= {"hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512}
    config |= {"max_position_embeddings": 512, "type_vocab_size": 2, "hidden_act": "gelu"}
    export_to_hub(config, tmp_path / "small")
    model = build(tmp_path / "small")
    assert model.count_params() == 4_782_981
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == 516


@pytest.mark.parametrize("pooling", ["pooled", "mean"])
def test_equals_the_saved_models_padded_to_128(tiny_pair, pooling):
    model = build(tiny_pair, pooling=pooling)
    inputs = HubLayer(str(tiny_pair / "preprocessor"))(tf.constant(TEXTS))
    outputs = HubLayer(str(tiny_pair / "encoder"))(inputs)
    vectors = outputs["pooled_output"].numpy()
    if pooling == "mean":
        mask = inputs["input_mask"].numpy()[..., None]
        vectors = (outputs["sequence_output"].numpy() * mask).sum(1) / mask.sum(1)
    kernel, bias = model.classifier.get_layer("head").get_weights()
    logits = vectors @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_allclose(model.predict_texts(TEXTS), expected, atol=1e-5)


@pytest.mark.slow
def test_saved_and_reopened_in_a_fresh_process(tiny_pair, tmp_path):
    model = build(tiny_pair, trainable=True, pooling="mean")
    for weight in model.trainable_weights:
        weight.assign(weight + 0.1)
    model.save(tmp_path / "model.keras")
    subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, tmp_path / "model.keras", tmp_path / "p.npy", *TEXTS],
        check=True,
    )
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), model.predict_texts(TEXTS), atol=1e-6)


@pytest.mark.slow
def test_another_savedmodel_than_a_bert_is_refused(tiny_pair, tmp_path):
    preprocessor = str(tiny_pair / "preprocessor")
    module = tf.Module()
    module.__call__ = tf.function(lambda x: {"vectors": x}, [tf.TensorSpec([None, 2])])
    tf.saved_model.save(module, str(tmp_path))
    for handle, pooling, output in (
        (str(tmp_path), "pooled", "pooled_output"),
        (preprocessor, "mean", "sequence_output"),
    ):
        with pytest.raises(ValueError, match=rf"`encoder` must be a BERT.* with {output}. Rec"):
            hub_classifier(preprocessor, handle, pooling=pooling)
    with pytest.raises(ValueError, match="must name a BERT preprocessing model"):
        hub_classifier(str(tiny_pair / "encoder"), preprocessor)


def test_unknown_pooling_is_refused(tiny_pair):
    with pytest.raises(ValueError, match=r"`pooling` must be one of .*Received: pooling='max'"):
        encoder_classifier(HubLayer(str(tiny_pair / "encoder")), pooling="max")


def test_defaults_are_the_lessons_models():
    assert "bert_en_uncased_preprocess/3" in PREPROCESSOR
    assert "small_bert/bert_en_uncased_L-4_H-128_A-2/1" in ENCODER
