import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.hub import HubLayer, HubTokenizer, export_to_hub
from keras_transformers.text import bert_inputs

TEXTS = ["a b rains", "sun", "", "j " * 300, "unheard 🌧️"]


@pytest.fixture(scope="module")
def tokenizer(tiny_pair):
    return HubTokenizer(str(tiny_pair / "preprocessor"))


def test_equals_the_preprocessing_model_without_its_filling(tokenizer, tiny_pair):
    short = [0, 1, 2, 4]
    texts = tf.constant([TEXTS[row] for row in short])
    given = tokenizer(texts)
    expected = HubLayer(str(tiny_pair / "preprocessor"))(texts)
    assert set(given) == set(expected)
    length = given["input_word_ids"].shape[1]
    assert length == 6  # [CLS] a b rain ##s [SEP]
    for name, tensor in given.items():
        assert tensor.dtype == tf.int32
        np.testing.assert_array_equal(tensor, expected[name][:, :length])
    assert not np.any(expected["input_mask"][:, length:])


def test_long_texts_are_cut_to_max_length(tiny_pair):
    assert HubTokenizer(str(tiny_pair / "preprocessor"))(tf.constant(TEXTS))[
        "input_word_ids"
    ].shape == (5, 128)
    cut = HubTokenizer(str(tiny_pair / "preprocessor"), max_length=5)(tf.constant(TEXTS))
    np.testing.assert_array_equal(cut["input_word_ids"][3], [2, 14, 14, 14, 3])


@pytest.mark.slow
def test_max_length_is_the_models_own_if_not_given(tiny_pair, tmp_path):
    config = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 1}
    config |= {"num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 9}
    export_to_hub(config, tmp_path / "pair")
    tokenizer = HubTokenizer(tmp_path / "pair" / "preprocessor")
    assert tokenizer.max_length == 9
    assert len(tokenizer.encode(["a " * 20])[0]) == 9
    longer = HubTokenizer(tiny_pair / "preprocessor", max_length=200)
    assert longer(tf.constant(TEXTS))["input_mask"].shape == (5, 200)


def test_encode_gives_what_calling_gives(tokenizer):
    padded = tokenizer(tf.constant(TEXTS))
    for row, ids in enumerate(tokenizer.encode(TEXTS)):
        assert ids.dtype == np.int32
        mask = padded["input_mask"].numpy()[row] == 1
        np.testing.assert_array_equal(ids, padded["input_word_ids"].numpy()[row][mask])


def test_encode_of_no_texts(tokenizer):
    assert tokenizer.encode([]) == []


def test_bert_inputs_are_the_preprocessing_models(tokenizer):
    padded = tokenizer(tf.constant(TEXTS[:3]))
    for name, tensor in bert_inputs(padded["input_word_ids"]).items():
        assert tensor.dtype == tf.int32
        np.testing.assert_array_equal(tensor, padded[name])


def test_config_round_trip(tokenizer):
    config = {**tokenizer.get_config(), "max_length": 7}
    again = HubTokenizer.from_config(config, safe_mode=False)
    assert again.max_length == 7
    assert again.handle == tokenizer.handle
    options = tf.saved_model.LoadOptions(experimental_io_device="/job:localhost")
    tokenizer = HubTokenizer(tokenizer.handle, load_options=options)
    again = HubTokenizer.from_config(tokenizer.get_config(), safe_mode=False)
    assert again.load_options.experimental_io_device == "/job:localhost"
    with pytest.raises(ValueError, match="safe_mode=False"):
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(tokenizer))


@pytest.mark.parametrize("max_length", [2, 0, 3.5, True])
def test_max_length_has_room_for_a_token(tiny_pair, max_length):
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 3"):
        HubTokenizer(str(tiny_pair / "preprocessor"), max_length=max_length)


def test_an_encoder_is_no_tokenizer(tiny_pair):
    with pytest.raises(ValueError, match="must name a BERT preprocessing model"):
        HubTokenizer(str(tiny_pair / "encoder"))


@pytest.mark.slow
def test_padding_must_be_token_0(tmp_path):
    """As a preprocessing model from elsewhere may have it; `export_to_hub` refuses to write it."""
    from official.nlp.tools import export_tfhub_lib

    (tmp_path / "vocab.txt").write_text("[UNK]\n[PAD]\n[CLS]\n[SEP]\n[MASK]\na\n")
    export_tfhub_lib.export_preprocessing(
        str(tmp_path / "saved"),
        vocab_file=str(tmp_path / "vocab.txt"),
        do_lower_case=True,
        tokenize_with_offsets=False,
        default_seq_length=8,
    )
    with pytest.raises(ValueError, match=r"has \[PAD\] as token 0.*makes \[2, 3, 1\]"):
        HubTokenizer(tmp_path / "saved")
