"""Words to ids, against a tokeniser written with `re`."""

import re
import subprocess
import sys
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.text import WordVectorizer

TEXTS = [
    "Rain in the north, rain in the south; the east stays dry.",
    "The north wind rose 12.5% -- the HARBOUR closed!",
    "Dry weather (and wind) in the south's harbours",
    "rain rain rain the the",
]
ODD_TEXTS = [
    "",
    "   \t\n ",
    "...!?",
    "zzyzx qwrtp",
    "🌧️ rain 👩‍🚀 \U0001f600",
    "the rain " * 5_000,
    "x" * 10_000,
    "rain\x00north",
]


def words_of(text):
    """Lower case, ASCII punctuation dropped, split at blanks."""
    return re.sub(r"[^\w\s]|_", "", text.lower(), flags=re.ASCII).split()


@pytest.fixture
def vectorizer():
    layer = WordVectorizer(vocab_size=12, maxlen=6)
    layer.adapt(TEXTS)
    return layer


def test_vocabulary_is_the_most_frequent_words(vectorizer):
    counts = Counter(word for text in TEXTS for word in words_of(text))
    padding, unknown, *words = vectorizer.vocabulary
    assert (padding, unknown) == ("", "[UNK]")
    assert len(words) == 10
    assert [counts[word] for word in words] == [n for _, n in counts.most_common(10)]


def test_small_vocabulary_is_not_filled_up():
    layer = WordVectorizer(vocab_size=1_000, maxlen=6)
    layer.adapt(TEXTS)
    assert set(layer.vocabulary[2:]) == {word for text in TEXTS for word in words_of(text)}


def test_ids_are_positions_in_the_vocabulary(vectorizer):
    texts = [*TEXTS, "The unheard-of RAIN, in_the north"]
    expected = [
        [
            vectorizer.vocabulary.index(word) if word in vectorizer.vocabulary else 1
            for word in words_of(text)[:6]
        ]
        for text in texts
    ]
    ids = keras.ops.convert_to_numpy(vectorizer(np.array(texts)))
    assert ids.shape == (5, 6)
    assert [[i for i in row if i] for row in ids.tolist()] == expected
    assert any(1 in row for row in expected)


def test_encode_equals_calling(vectorizer):
    texts = (TEXTS + ODD_TEXTS) * 100  # more than one batch
    called = keras.ops.convert_to_numpy(vectorizer(np.array(texts)))
    encoded = vectorizer.encode(texts)
    assert len(encoded) == len(texts)
    for row, ids in zip(called, encoded, strict=True):
        assert ids.dtype == np.int32
        assert row.tolist() == ids.tolist() + [0] * (len(row) - len(ids))


def test_length_is_that_of_the_longest_text(vectorizer):
    assert vectorizer(np.array(["rain", "the rain"])).shape == (2, 2)
    assert vectorizer(np.array(["the rain " * 50, "rain"])).shape == (2, 6)


def test_empty_texts_are_one_position_of_padding(vectorizer):
    ids = keras.ops.convert_to_numpy(vectorizer(np.array(["", "..."])))
    assert ids.tolist() == [[0], [0]]
    assert [len(ids) for ids in vectorizer.encode(["", "rain"])] == [0, 1]


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_odd_texts(vectorizer, text):
    [ids] = vectorizer.encode([text])
    assert len(ids) <= 6
    assert all(1 <= i < 12 for i in ids)


def test_unknown_words_are_id_1(vectorizer):
    [ids] = vectorizer.encode(["zzyzx 🌧️ rain"])
    assert ids.tolist() == [1, 1, vectorizer.vocabulary.index("rain")]


def test_letters_outside_ascii_are_lower_cased_too():
    layer = WordVectorizer(vocab_size=20, maxlen=6)
    layer.adapt(["ærlige østlige ålesund"])
    lower, upper = layer.encode(["ærlige østlige ålesund", "ÆRLIGE ØSTLIGE ÅLESUND"])
    assert upper.tolist() == lower.tolist()


def test_padding_is_what_the_embedding_masks(vectorizer):
    from keras_transformers.layers import TokenAndPositionEmbedding

    embedding = TokenAndPositionEmbedding(maxlen=6, vocab_size=12, embed_dim=4)
    mask = embedding.compute_mask(vectorizer(np.array(["rain", "the rain in"])))
    assert keras.ops.convert_to_numpy(mask).tolist() == [[True, False, False], [True, True, True]]


def test_config_gives_the_arguments_back():
    layer = WordVectorizer(vocab_size=12, maxlen=6, name="words")
    config = layer.get_config()
    assert (config["vocab_size"], config["maxlen"], config["name"]) == (12, 6, "words")
    again = WordVectorizer.from_config(config)
    assert (again.vocab_size, again.maxlen, again.name) == (12, 6, "words")


@pytest.mark.slow
def test_saved_file_opens_in_a_fresh_process(vectorizer, tmp_path):
    texts = keras.Input((), dtype="string")
    keras.Model(texts, vectorizer(texts)).save(tmp_path / "model.keras")
    code = (
        "import sys, keras, numpy, keras_transformers\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "print(model(numpy.array(sys.argv[2:])).numpy().tolist())\n"
        "print(model.layers[-1].vocabulary)\n"
    )
    texts = ["Rain, the wind", "nothing known", ""]
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras", *texts],
        capture_output=True,
        text=True,
        check=True,
    )
    ids = keras.ops.convert_to_numpy(vectorizer(np.array(texts)))
    assert result.stdout.splitlines() == [str(ids.tolist()), str(vectorizer.vocabulary)]


@pytest.mark.parametrize("name", ["vocab_size", "maxlen"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_wrong_sizes(name, value):
    with pytest.raises(ValueError, match=rf"`{name}`.*Received: {name}={value!r}"):
        WordVectorizer(**{"vocab_size": 10, "maxlen": 4, name: value})


def test_vocabulary_without_room_for_unknown_words():
    with pytest.raises(ValueError, match=r"vocab_size.*Received: .*1"):
        WordVectorizer(vocab_size=1, maxlen=4)


def test_a_vocabulary_may_be_given():
    vectorizer = WordVectorizer(vocab_size=10, maxlen=4, vocabulary=["rain", "sun"])
    again = WordVectorizer.from_config(vectorizer.get_config())
    for layer in (vectorizer, again):
        assert layer.vocabulary == ["", "[UNK]", "rain", "sun"]
        assert layer.encode(["Sun, then rain"])[0].tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("vocabulary", "said"), [(["a", "b"], "maximum vocab size"), (["a", "a"], "repeated")]
)
def test_a_vocabulary_that_does_not_fit_is_refused(vocabulary, said):
    with pytest.raises(ValueError, match=said):
        WordVectorizer(vocab_size=3, maxlen=4, vocabulary=vocabulary)


@pytest.mark.parametrize("word", ["Rain", "a b", "rain!", "a\n", "[UNK]", ""])
def test_words_that_are_never_found_are_refused(word):
    with pytest.raises(ValueError, match=r"must hold single words|mask token|reserved"):
        WordVectorizer(9, 4, vocabulary=["sun", word])


@pytest.mark.parametrize("character", ["\x00", "\x1c", "\x1e", "\x85", "\u2028", "\u2029"])
def test_characters_that_end_a_line_elsewhere_end_a_word(character, tmp_path):
    vectorizer = WordVectorizer(9, 4)
    vectorizer.adapt([f"hail{character}rain {character} rain rain"])
    assert vectorizer.vocabulary[2:] == ["rain", "hail"]
    ids = keras.Input((), dtype="string")
    model = keras.Model(ids, vectorizer(ids))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert np.array(again(tf.constant([f"sun{character}hail rain"]))).tolist() == [[1, 3, 2]]


def test_an_array_may_hold_the_vocabulary():
    assert WordVectorizer(9, 4, vocabulary=np.array(["sun", "rain"])).vocabulary[2:] == [
        "sun",
        "rain",
    ]
