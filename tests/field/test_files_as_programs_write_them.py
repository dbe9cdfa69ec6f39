"""Files of spreadsheets, other libraries and wrappers: read as others read them, or refused."""

import csv
import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.checks import numpy

from keras_transformers.data import load_news
from keras_transformers.models import BertEncoder, bert_classifier
from keras_transformers.text import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "##s", "sun"]


@pytest.fixture
def checkpoint(tmp_path):
    encoder = BertEncoder(len(PIECES), 1, 8, 2, 16, 10)
    encoder.save_pretrained(tmp_path)
    WordPieceTokenizer(PIECES).save_pretrained(tmp_path)
    return tmp_path


def outputs(directory):
    ids = np.array([[2, 5, 6, 3]])
    encoder = BertEncoder.from_pretrained(directory)
    return numpy(encoder({"input_word_ids": ids})["sequence_output"])


def rewrite(checkpoint, change):
    """Puts what `change` makes of the tensors into the checkpoint."""
    file = checkpoint / "model.safetensors"
    save_file(change(load_file(file)), file)


# News


def test_csv_as_a_spreadsheet_saves_it(tmp_path):
    rows = '"1","Rain","in the north"\r\n\r\n"2","Cup","won"\r\n\r\n'
    for part in ("train.csv", "test.csv"):
        (tmp_path / part).write_bytes(b"\xef\xbb\xbf" + rows.encode())
    (tmp_path / "classes.txt").write_bytes("\ufeffWeather\nSports\n".encode())
    news = load_news(tmp_path)
    assert news.train_texts == ["Rain in the north", "Cup won"]
    assert news.train_labels.tolist() == [0, 1]
    assert news.class_names == ("Weather", "Sports")


def test_csv_with_a_very_long_text(tmp_path):
    long, limit = "word " * 100_000, csv.field_size_limit()
    for part in ("train.csv", "test.csv"):
        (tmp_path / part).write_text(f'"1","","{long}"\n')
    assert load_news(tmp_path).test_texts == [long.strip()]
    assert csv.field_size_limit() == limit


def test_csv_without_a_text(tmp_path, run):
    for part in ("train.csv", "test.csv"):
        (tmp_path / part).write_text('"1","",""\n"2"," ",""\n')
    code, _, err = run("train", "from-scratch", "--data", tmp_path, "--output", tmp_path / "run")
    assert code == 2
    assert err.count("\n") == 1
    assert "train.csv: expected texts, found 2 rows, all empty" in err


# Checkpoints


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "module.bert.", "bert."])
def test_tensors_behind_the_prefix_of_a_wrapper(checkpoint, prefix):
    expected = outputs(checkpoint)
    rewrite(checkpoint, lambda tensors: {prefix + name: t for name, t in tensors.items()})
    np.testing.assert_array_equal(outputs(checkpoint), expected)


def test_position_ids_that_are_floats(checkpoint):
    expected = outputs(checkpoint)
    ids = {"embeddings.position_ids": np.arange(10, dtype="float32")[None]}
    rewrite(checkpoint, lambda tensors: tensors | ids)
    np.testing.assert_array_equal(outputs(checkpoint), expected)


def test_tensors_of_eight_bits_are_refused_or_read_by_name(checkpoint):
    header = json.dumps({"embeddings.x": {"dtype": "F4", "shape": [2], "data_offsets": [0, 1]}})
    data = len(header).to_bytes(8, "little") + header.encode() + b"\0"
    (checkpoint / "model.safetensors").write_bytes(data)
    with pytest.raises(ValueError, match=r"model.safetensors"):
        BertEncoder.from_pretrained(checkpoint)


def test_config_with_a_byte_order_mark(checkpoint):
    file = checkpoint / "config.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert BertEncoder.from_pretrained(checkpoint).num_layers == 1


@pytest.mark.parametrize("activation", [{"name": "gelu"}, ["gelu"], None, 3])
def test_an_activation_that_is_no_name(checkpoint, activation):
    file = checkpoint / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"hidden_act": activation}))
    with pytest.raises(ValueError, match="`hidden_act` must be one of"):
        BertEncoder.from_pretrained(checkpoint)


# Vocabularies


def test_of_a_repeated_piece_the_last_counts(checkpoint):
    from tokenizers.implementations import BertWordPieceTokenizer

    file = checkpoint / "vocab.txt"
    file.write_text("\n".join([*PIECES, "sun", "rain"]) + "\n")
    theirs = BertWordPieceTokenizer(str(file))
    ours = WordPieceTokenizer.from_pretrained(checkpoint)
    for text in ("rains and sun", "sun", "repeated 5"):
        expected = theirs.encode(text).ids
        assert ours([text])["input_word_ids"][0].numpy().tolist() == expected


@pytest.mark.parametrize("added", [{"<new>": 8}, {"sun": 7}])
def test_added_tokens_are_not_passed_over(checkpoint, added):
    (checkpoint / "added_tokens.json").write_text(json.dumps(added))
    with pytest.raises(ValueError, match=r"added_tokens.json must add no tokens but \[PAD\]"):
        WordPieceTokenizer.from_pretrained(checkpoint)


def test_added_tokens_that_are_bert_s_own(checkpoint):
    (checkpoint / "added_tokens.json").write_text(json.dumps({"[MASK]": 4}))
    assert WordPieceTokenizer.from_pretrained(checkpoint).vocabulary == PIECES


@pytest.mark.parametrize("part", ["normalizer", "pre_tokenizer"])
def test_a_tokeniser_of_another_kind_is_refused_by_name(checkpoint, part):
    from tokenizers.implementations import BertWordPieceTokenizer

    file = checkpoint / "tokenizer.json"
    BertWordPieceTokenizer(str(checkpoint / "vocab.txt")).save(str(file))
    content = json.loads(file.read_text())
    for other, message in ((None, f"a {part} as BERT does"), ({"type": "NFC"}, "type='Bert")):
        file.write_text(json.dumps(content | {part: other}))
        with pytest.raises(ValueError, match=rf"tokenizer.json must have .*{message}"):
            WordPieceTokenizer.from_pretrained(checkpoint)


# Tokeniser and encoder


def test_a_classifier_reads_as_much_as_the_encoder_has_positions(checkpoint):
    model = bert_classifier(checkpoint)
    assert model.tokenizer.max_length == 10
    assert bert_classifier(checkpoint, max_length=5).tokenizer.max_length == 5


def test_a_tokeniser_with_more_pieces_than_the_encoder_has_vectors(checkpoint):
    file = checkpoint / "vocab.txt"
    file.write_text(file.read_text() + "snow\n")
    with pytest.raises(ValueError, match=r"encoder's vocab_size=8 pieces. Received: 9"):
        bert_classifier(checkpoint)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ((["a", "b"], ["a"]), "equally many texts on both sides. Received: 2 and 1"),
        ([["cat"], ["cat"]], r"must be strings of shape \(batch,\) or a tuple of two such"),
        ("cat", r"must be strings of shape \(batch,\) or a tuple of two such"),
    ],
)
def test_what_is_neither_a_batch_nor_a_pair(texts, message):
    with pytest.raises(ValueError, match=message):
        WordPieceTokenizer(PIECES)(texts)
