"""Files of spreadsheets, other libraries and wrappers: read as others read them, or refused."""

import csv
import json
import unicodedata

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from support.checks import numpy
from tokenizers import normalizers, pre_tokenizers

from keras_transformers.checkpoints.vocabulary import SPECIAL_TOKENS
from keras_transformers.data import load_news
from keras_transformers.models import BertEncoder, bert_classifier, masked_language_model
from keras_transformers.text import WordPieceTokenizer
from keras_transformers.text.read_tokenizer import SPECIAL_KEYS

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


@pytest.mark.parametrize("empty", ["   ", ",,", " , ,\t", '"","",""', ",,,,,"])
def test_csv_with_rows_without_anything(tmp_path, empty):
    for part in ("train.csv", "test.csv"):
        (tmp_path / part).write_text(f'{empty}\n"1","Rain",""\n{empty}\n"2","Cup",""\n{empty}\n')
    news = load_news(tmp_path)
    assert (news.test_texts, news.test_labels.tolist()) == (["Rain", "Cup"], [0, 1])
    (tmp_path / "test.csv").write_text(f'"1","Rain",""\n{empty}\n,"Cup",""\n')
    with pytest.raises(ValueError, match=r"test\.csv, line 3: expected a class from 1 to 4"):
        load_news(tmp_path)


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


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("num_hidden_layers", 10**9),
        ("num_hidden_layers", 2),
        ("hidden_size", 10**9),
        ("vocab_size", 10**12),
        ("intermediate_size", 10**9),
        ("max_position_embeddings", 10**9),
        ("type_vocab_size", 10**9),
    ],
)
@pytest.mark.parametrize("open_it", [BertEncoder.from_pretrained, masked_language_model])
def test_sizes_that_are_not_the_tensors_are_refused_before_they_take_memory(
    checkpoint, monkeypatch, open_it, name, size
):
    monkeypatch.setattr(BertEncoder, "__init__", None)
    file = checkpoint / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: size}))
    with pytest.raises(ValueError, match=f"{checkpoint}: .*(instead of|{name}=|missing: )"):
        open_it(checkpoint)


# Vocabularies


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ({"pad_token": "<pad>"}, r"must have pad_token='\[PAD\]'.*'<pad>'"),
        ({"mask_token": {"content": "<mask>", "lstrip": True}}, "mask_token='<mask>'"),
        ({"unk_token": 7}, "unk_token=7"),
        ({"additional_special_tokens": ["<e1>", "[SEP]"]}, r"name no tokens but .* \['<e1>'\]"),
        ({"bos_token": {"content": "<s>"}}, r"name no tokens but .* \['<s>'\]"),
        ({"additional_special_tokens": 3}, "damaged"),
    ],
)
@pytest.mark.parametrize("file", ["special_tokens_map.json", "tokenizer_config.json"])
def test_special_tokens_of_other_names(checkpoint, file, tokens, message):
    (checkpoint / file).write_text(json.dumps(tokens))
    with pytest.raises(ValueError, match=rf"{file}.*{message}"):
        WordPieceTokenizer.from_pretrained(checkpoint)


def test_special_tokens_of_bert_s_names(checkpoint):
    names = dict(zip(SPECIAL_KEYS, SPECIAL_TOKENS, strict=True))
    names |= {"cls_token": {"content": "[CLS]"}, "bos_token": "[CLS]", "eos_token": None}
    (checkpoint / "special_tokens_map.json").write_text(json.dumps(names))
    assert WordPieceTokenizer.from_pretrained(checkpoint).vocabulary == PIECES


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
    with pytest.raises(ValueError, match=r"added_tokens.json must name no tokens but \[PAD\]"):
        WordPieceTokenizer.from_pretrained(checkpoint)


def test_added_tokens_that_are_bert_s_own(checkpoint):
    (checkpoint / "added_tokens.json").write_text(json.dumps({"[MASK]": 4}))
    assert WordPieceTokenizer.from_pretrained(checkpoint).vocabulary == PIECES


NORMALIZERS = {
    "none": None,
    "lower": normalizers.Lowercase(),
    "strip": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    "all three": normalizers.Sequence(
        [normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]
    ),
    "BERT's": normalizers.BertNormalizer(),
    "BERT's without clean-up": normalizers.BertNormalizer(clean_text=False),
    "BERT's, Chinese words whole": normalizers.BertNormalizer(handle_chinese_chars=False),
    "BERT's, nothing": normalizers.BertNormalizer(False, False, False, False),
}
PRE_TOKENIZERS = {
    "BERT's": pre_tokenizers.BertPreTokenizer(),
    "words": pre_tokenizers.Whitespace(),
    "blanks": pre_tokenizers.WhitespaceSplit(),
    "two": pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()]
    ),
}
ODD_TEXTS = [
    "Élan, ÉLAN! naïve… (Ångström) d'été",
    "tab\tline\nfeed\x0bform\x0c next\x85nbsp\u00a0em\u2003sep\u2028end",
    "bell\x07 zero\u200bwidth joiner\u200d soft\u00adhyphen \ufffd",
    "中文 and 日本語, 한국어",
    "snake_case a-b $5+3=8 ... [MASK] [PAD]! ①② Ⓐ 🌧️",
    "नमस्ते हिन्दी ǅ ΣΑΣ İstanbul ẞ",
]


def their_tokenizer(file, normalizer, pre_tokenizer):
    """Writes a tokeniser of the characters of ODD_TEXTS and of some words, and returns it."""
    from tokenizers import Tokenizer, models, processors

    letters = {c for text in ODD_TEXTS for c in text + text.lower() if c.strip()}
    letters |= {c for text in ODD_TEXTS for c in unicodedata.normalize("NFD", text) if c.strip()}
    pieces = [*PIECES, "...", "snake_case", "a-b", "中文", *sorted(letters)]
    pieces = list(dict.fromkeys([*pieces, *(f"##{letter}" for letter in sorted(letters))]))
    tokenizer = Tokenizer(
        models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens(PIECES[:5])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(file))
    return tokenizer


@pytest.mark.parametrize("pre_tokenizer", PRE_TOKENIZERS)
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_normalisers_and_pre_tokenisers_that_are_known(tmp_path, normalizer, pre_tokenizer):
    file = tmp_path / "tokenizer.json"
    theirs = their_tokenizer(file, NORMALIZERS[normalizer], PRE_TOKENIZERS[pre_tokenizer])
    ours = WordPieceTokenizer.from_pretrained(tmp_path).tokenize(ODD_TEXTS).to_list()
    for text, ids in zip(ODD_TEXTS, ours, strict=True):
        assert ids == theirs.encode(text, add_special_tokens=False).ids, text


def test_what_they_do_is_kept_in_a_model(tmp_path):
    their_tokenizer(tmp_path / "tokenizer.json", *(NORMALIZERS["strip"], PRE_TOKENIZERS["words"]))
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path)
    again = WordPieceTokenizer.from_config(tokenizer.get_config())
    assert again.tokenize(ODD_TEXTS).to_list() == tokenizer.tokenize(ODD_TEXTS).to_list()
    with pytest.raises(ValueError, match="must be as in BERT to be written"):
        tokenizer.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("normalizer", "pre_tokenizer", "message"),
    [
        (normalizers.NFC(), PRE_TOKENIZERS["words"], "its normalizer: none; .* with NFC$"),
        (normalizers.StripAccents(), PRE_TOKENIZERS["words"], "with StripAccents$"),
        (None, None, "its pre_tokenizer: BertPreTokenizer; .* with none$"),
        (None, pre_tokenizers.Punctuation(), "with Punctuation$"),
        (
            None,
            pre_tokenizers.Sequence(
                [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("removed")]
            ),
            r"with WhitespaceSplit, Punctuation \(Removed\)$",
        ),
    ],
)
def test_others_are_refused_by_name(tmp_path, normalizer, pre_tokenizer, message):
    their_tokenizer(tmp_path / "tokenizer.json", normalizer, pre_tokenizer)
    with pytest.raises(ValueError, match=rf"tokenizer.json must have one of these for .*{message}"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_split_of_another_name():
    with pytest.raises(ValueError, match="`split` must be one of punctuation, words, blanks"):
        WordPieceTokenizer(PIECES, split="letters")


# Tokeniser and encoder


def test_a_classifier_reads_as_much_as_the_encoder_has_positions(checkpoint):
    model = bert_classifier(checkpoint)
    assert model.tokenizer.max_length == 10
    assert bert_classifier(checkpoint, max_length=5).tokenizer.max_length == 5


def test_a_tokeniser_with_more_pieces_than_the_encoder_has_vectors(checkpoint):
    file = checkpoint / "vocab.txt"
    file.write_text(file.read_text() + "snow\n")
    with pytest.raises(ValueError, match=r"the 8 ids that .* Received: 9 ids"):
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


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}, "BertJapanese"),
        ("tokenizer_config.json", {"extra_special_tokens": ["<img>"]}, "<img>"),
        ("tokenizer_config.json", {"extra_special_tokens": {"image": "<img>"}}, "<img>"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"0": {"content": "[CLS]"}}}, "with 0"),
        ("special_tokens_map.json", {"extra_special_tokens": ["<img>"]}, "<img>"),
        ("added_tokens.json", {"[CLS]": 0}, "with 0"),
    ],
)
def test_what_would_change_the_tokens_is_refused(tmp_path, name, content, found):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nrain")
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"{name} must .*{found}"):
        WordPieceTokenizer.from_pretrained(tmp_path)


def test_a_tensor_that_is_there_twice_is_refused(tmp_path):
    encoder = BertEncoder(8, 1, 8, 2, 8, 4)
    encoder.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    name = "embeddings.word_embeddings.weight"
    save_file(tensors | {f"bert.{name}": tensors[name]}, file)
    BertEncoder.from_pretrained(tmp_path)
    save_file(tensors | {f"bert.{name}": tensors[name] + 1}, file)
    with pytest.raises(ValueError, match=rf"{file}: .*{name} again"):
        BertEncoder.from_pretrained(tmp_path)
