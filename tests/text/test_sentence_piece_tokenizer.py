"""The tokeniser there and back: against the sentencepiece library, saved, and refusals."""

import io

import keras
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from keras_transformers.text import SentencePieceTokenizer

TEXTS = [
    "Ein Mann in einem T-Shirt, das (rot) ist.",
    'Zwei "Männer" sitzen - draußen; sie lesen: 3.5 km!',
    "Мама мыла раму, 雨が降る",
    "the rain in the north",
    "x",
]


@pytest.fixture(scope="module", params=["subword", "character", "word"])
def tokenizer(request):
    return SentencePieceTokenizer.train(TEXTS * 3, 200, unit=request.param)


def test_there_and_back(tokenizer):
    assert tokenizer.decode(tokenizer(TEXTS)) == TEXTS


def test_ids_are_the_librarys(tokenizer):
    library = sentencepiece.SentencePieceProcessor()
    library.LoadFromSerializedProto(tokenizer.pieces)
    texts = [*TEXTS, "rain  north ", "unknown Ω letters"]
    for ids, text in zip(tokenizer.encode(texts), texts, strict=True):
        assert ids.tolist() == library.encode(text)
        assert tokenizer.tokens(text) == library.encode(text, out_type=str)


def test_first_ids(tokenizer):
    assert tokenizer.tokens("") == []
    assert [tokenizer._processor.id_to_piece(i) for i in range(4)] == [
        "<pad>",
        "<unk>",
        "<s>",
        "</s>",
    ]
    assert tokenizer.vocab_size <= 200


def test_pads_to_the_longest_and_keeps_a_position_for_nothing(tokenizer):
    ids = tokenizer(["x", TEXTS[0]]).numpy()
    assert ids.dtype == "int32"
    assert ids.shape[1] == len(tokenizer.tokens(TEXTS[0]))
    assert not ids[0, len(tokenizer.tokens("x")) :].any()
    assert tokenizer(["", ""]).numpy().tolist() == [[0], [0]]


def test_what_is_behind_the_end_does_not_count(tokenizer):
    [ids] = tokenizer.encode(["x"])
    behind = [[*ids, 3, *ids], [*ids, 0, *ids]]
    assert tokenizer.decode(behind) == ["x", "x"]


def test_units():
    train = SentencePieceTokenizer.train
    assert train(TEXTS, unit="word").tokens("the rain") == ["▁the", "▁rain"]
    assert train(TEXTS, unit="character").tokens("rai") == ["▁", "r", "a", "i"]
    subwords = train(["lower newer lowest newest"] * 9, 17).tokens("lowest newer")
    assert "".join(subwords) == "▁lowest▁newer"
    assert 2 < len(subwords) < 12


def test_unknown_characters_are_told(tokenizer):
    assert 1 in tokenizer.encode(["Ω"])[0].tolist()


def test_in_a_pipeline(tokenizer):
    dataset = tf.data.Dataset.from_tensor_slices(TEXTS).batch(2).map(tokenizer)
    rows = [row[row != 0] for batch in dataset for row in batch.numpy()]
    for row, ids in zip(rows, tokenizer.encode(TEXTS), strict=True):
        np.testing.assert_array_equal(row, ids)


def test_a_model_carries_its_pieces(tokenizer, tmp_path):
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, tokenizer(inputs))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(tf.constant(TEXTS)), tokenizer(TEXTS))


def test_config_there_and_back(tokenizer):
    again = SentencePieceTokenizer.from_config(tokenizer.get_config())
    assert again.pieces == tokenizer.pieces
    assert again.name == tokenizer.name


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((TEXTS,), {"unit": "letter"}, "`unit` must be 'subword', 'character' or 'word'"),
        ((TEXTS, 0), {}, "`vocab_size` must be a positive integer"),
        ((TEXTS, 5), {}, "must do for a vocabulary. Received: 5 texts, vocab_size=5"),
        (([],), {}, "must do for a vocabulary. Received: 0 texts"),
    ],
)
def test_refuses_to_learn(arguments, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        SentencePieceTokenizer.train(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_refuses_what_is_no_model():
    with pytest.raises(ValueError, match="`pieces` must be a SentencePiece model"):
        SentencePieceTokenizer(b"not a model")


def test_refuses_a_model_with_other_first_ids():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS), model_writer=model, model_type="char", minloglevel=3
    )
    with pytest.raises(ValueError, match=r"`pieces` must begin with .*Received: \['<unk>', '<s>'"):
        SentencePieceTokenizer(model.getvalue())
