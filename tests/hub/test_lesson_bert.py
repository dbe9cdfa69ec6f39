import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.checkpoints import hub_handle
from keras_transformers.hub import HubLayer, HubTokenizer, lesson_bert

TEXTS = ["Rain in the north", "Rain in the south, and more rain"]


@pytest.fixture
def offline(monkeypatch):
    def refuse(handle, options=None):
        raise ValueError(f"no network: {handle}")

    monkeypatch.delenv("KERAS_TRANSFORMERS_ENCODER", raising=False)
    monkeypatch.setattr(hub_handle, "load_saved_model", refuse)


def test_names_the_encoder_that_the_environment_names(tiny_pair, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_TRANSFORMERS_ENCODER", str(tiny_pair))
    pair = lesson_bert(tmp_path, TEXTS)
    assert pair == (str(tiny_pair / "preprocessor"), str(tiny_pair / "encoder"))
    assert capsys.readouterr().out == "Encoder: tiny, pre-trained\n"


def test_offline_a_random_one_stands_in_and_says_so(offline, tmp_path, capsys):
    preprocessor, encoder = lesson_bert(tmp_path, TEXTS)
    assert "RANDOM weights stands in" in capsys.readouterr().out
    tokenizer = HubTokenizer(preprocessor)
    ids = tokenizer(tf.constant(["rain north desert"]))["input_word_ids"].numpy()[0]
    assert len(set(ids.tolist())) == 5  # [CLS], two known words, [UNK], [SEP]
    assert ids[3] == 1
    outputs = HubLayer(encoder)(tokenizer(tf.constant(TEXTS)))
    assert keras.ops.shape(outputs["pooled_output"]) == (2, 128)
    assert np.std(outputs["pooled_output"]) > 0
    assert lesson_bert(tmp_path, TEXTS) == (preprocessor, encoder)
