"""Texts as users have them: in Series, arrays, tuples and generators, some of them no texts."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from keras_transformers.data import News, bucketed_batches, bucketed_pairs, draw_news
from keras_transformers.models import (
    BertEncoder,
    TextClassifier,
    Translator,
    bert_classifier,
    rnn_translator,
    transformer_classifier,
)
from keras_transformers.text import (
    SentencePieceTokenizer,
    WordPieceTokenizer,
    WordVectorizer,
    learn_vocabulary,
)
from keras_transformers.training import evaluate, evaluate_translator
from keras_transformers.training.evaluate import score
from keras_transformers.utils import check_class_names

SHUFFLED = [2, 0, 1]
TEXTS = ["rain in the north", "snow and more snow and wind", "sun"]

HOLDERS = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "object array": lambda texts: np.array(texts, dtype=object),
    "series": pd.Series,
    "series in another order": lambda texts: pd.Series(texts, index=[2, 0, 1]),
    "series of other numbers": lambda texts: pd.Series(texts, index=[7, 3, 9]),
    "series of categories": lambda texts: pd.Series(texts, dtype="category"),
    "generator": lambda texts: (text for text in texts),
}
NO_TEXTS = {
    "None": (["a", None], "NoneType None at position 1"),
    "nan": ([float("nan"), "a"], "float nan at position 0"),
    "bytes": (["a", "b", b"c"], r"bytes b'c' at position 2"),
    "number": ([7], "int 7 at position 0"),
    "surrogate": (["a", "\ud800"], r"UTF-8 can encode. Received: '\\ud800' at position 1"),
    "rows": ([["a"]], r"list \['a'\] at position 0"),
    "single string": ("cat", "`texts` must be a sequence of strings. Received: str 'cat'"),
    "bytes alone": (b"cat", "`texts` must be a sequence of strings. Received: bytes"),
    "nothing": (None, "`texts` must be a sequence of strings. Received: NoneType None"),
    "frame": (
        pd.DataFrame({"text": TEXTS}),
        "`texts` must be a sequence of strings. Received: DataFrame",
    ),
    "dict": ({"a": "b"}, "`texts` must be a sequence of strings. Received: dict"),
    "set": ({"a"}, "`texts` must be a sequence of strings. Received: set"),
    "matrix": (np.array([["a"]]), "`texts` must be a sequence of strings. Received: ndarray"),
}


@pytest.fixture(scope="module")
def word_vectorizer():
    vectorizer = WordVectorizer(20, 8)
    vectorizer.adapt(TEXTS)
    return vectorizer


@pytest.fixture(scope="module")
def sentence_pieces():
    return SentencePieceTokenizer.train(TEXTS, 40, unit="character")


@pytest.fixture(scope="module")
def classifier(word_vectorizer):
    return TextClassifier(word_vectorizer, transformer_classifier(20, 8, 4, 2, 4, 3))


@pytest.fixture(scope="module")
def takers(word_vectorizer, sentence_pieces, classifier):
    """Everything that takes texts, from texts to something that can be compared."""
    pieces = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "rain", "snow", "sun"])
    size = sentence_pieces.vocab_size
    translator = Translator(
        sentence_pieces, sentence_pieces, rnn_translator(size, size, 4, 4), max_length=3
    )

    def adapt(texts):
        vectorizer = WordVectorizer(20, 8)
        vectorizer.adapt(texts)
        return vectorizer.vocabulary

    return {
        "predict_texts": lambda texts: classifier.predict_texts(texts).round(5).tolist(),
        "evaluate": lambda texts: evaluate(classifier, texts, [0, 1, 2])[1].round(5).tolist(),
        "adapt": adapt,
        "WordVectorizer": lambda texts: word_vectorizer(texts).numpy().tolist(),
        "WordPieceTokenizer": lambda texts: pieces(texts)["input_word_ids"].numpy().tolist(),
        "SentencePieceTokenizer": lambda texts: sentence_pieces(texts).numpy().tolist(),
        "evaluate_translator": lambda texts: evaluate_translator(translator, TEXTS, texts),
        "WordVectorizer.encode": lambda texts: [x.tolist() for x in word_vectorizer.encode(texts)],
        "WordPieceTokenizer.encode": lambda texts: [x.tolist() for x in pieces.encode(texts)],
        "SentencePieceTokenizer.encode": lambda texts: [
            x.tolist() for x in sentence_pieces.encode(texts)
        ],
        "SentencePieceTokenizer.train": lambda texts: (
            SentencePieceTokenizer.train(texts, 40, unit="character").pieces
        ),
        "learn_vocabulary": lambda texts: learn_vocabulary(texts, 40),
        "translate": translator.translate,
    }


TOKENIZERS = ["WordVectorizer", "WordPieceTokenizer", "SentencePieceTokenizer"]
TAKERS = [
    "predict_texts",
    "evaluate",
    "adapt",
    "WordVectorizer.encode",
    "WordPieceTokenizer.encode",
    "SentencePieceTokenizer.encode",
    "SentencePieceTokenizer.train",
    "learn_vocabulary",
    "translate",
]


@pytest.mark.parametrize("taker", [*TAKERS, *TOKENIZERS, "evaluate_translator"])
def test_the_results_are_those_of_the_list_whatever_holds_the_texts(takers, taker):
    expected = takers[taker](TEXTS)
    for name, hold in HOLDERS.items():
        assert takers[taker](hold(TEXTS)) == expected, name


@pytest.mark.parametrize("taker", TAKERS)
def test_what_is_no_text_is_named_with_its_position(takers, taker):
    for texts, message in NO_TEXTS.values():
        if taker == "learn_vocabulary" and "sequence" in message:
            continue  # goes through any iterable once, texts of files among them
        with pytest.raises(ValueError, match=message):
            takers[taker](texts)


@pytest.mark.parametrize("taker", TOKENIZERS)
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "a sequence of strings. Received: NoneType None"),
        (7, "a sequence of strings. Received: int 7"),
        (float("nan"), "a sequence of strings. Received: float nan"),
        ([*TEXTS, None], "NoneType None at position 3"),
        ([*TEXTS, 7], "int 7 at position 3"),
        (pd.Series([*TEXTS, float("nan")]), "float nan at position 3"),
        (np.array([1, 2]), "int64 .*at position 0"),
        (tf.constant([1, 2]), r"strings of shape \(batch,\).* Received: EagerTensor of int32"),
        ("rain", r"strings of shape \(batch,\).* Received: shape \(\)"),
    ],
)
def test_a_call_of_a_tokeniser_says_what_is_no_text(takers, taker, texts, message):
    with pytest.raises(ValueError, match=f"`texts` must .*{message}"):
        takers[taker](texts)


@pytest.mark.parametrize("pair", [(None, None), (["a"], 7), (["a"], [None]), (["a", "b"], None)])
def test_a_call_with_a_pair_says_what_is_no_text(takers, pair):
    with pytest.raises(ValueError, match=r"`texts` must .* (NoneType None|int 7)"):
        takers["WordPieceTokenizer"](pair)


@pytest.mark.parametrize("taker", TOKENIZERS)
def test_in_a_graph_a_tokeniser_says_that_numbers_are_no_texts(takers, taker):
    with pytest.raises(ValueError, match=r"`texts` must be strings .* Received: SymbolicTensor of"):
        tf.data.Dataset.from_tensors([1, 2]).map(takers[taker])


@pytest.mark.parametrize("text", [None, 7, float("nan"), b"rain", ["rain"], ("rain", None)])
def test_tokens_are_those_of_a_text(sentence_pieces, text):
    pieces = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "rain"])
    for tokenizer in (pieces, sentence_pieces):
        with pytest.raises(ValueError, match=r"`text` must be a string. Received: "):
            tokenizer.tokens(text)
    assert pieces.tokens(("rain", "rain")) == ["[CLS]", "rain", "[SEP]", "rain", "[SEP]"]


@pytest.mark.parametrize("taker", ["predict_texts", "WordPieceTokenizer.encode", "translate"])
def test_no_texts_give_no_results(takers, taker):
    assert len(takers[taker]([])) == 0


@pytest.mark.parametrize(
    "text", ["", "🌧️👩‍👩‍👧", "\0\x07\x1b[31m", "\u202e\ufeff", "<script>", "[PAD]"]
)
def test_odd_texts_are_texts(takers, text):
    for taker in ("predict_texts", "WordPieceTokenizer.encode", "translate"):
        assert len(takers[taker]([text, "rain"])) == 2


@pytest.mark.parametrize("taker", ["predict_texts", "WordPieceTokenizer.encode"])
def test_a_text_of_a_megabyte_is_a_text(takers, taker):
    assert len(takers[taker](["word " * 200_000, "rain"])) == 2


@pytest.mark.parametrize("texts", [[], ["", " \n"]])
def test_a_vocabulary_needs_words(texts):
    with pytest.raises(ValueError, match="`texts` must hold words"):
        WordVectorizer(20, 8).adapt(texts)


@pytest.mark.parametrize("hold", [list, tuple, np.array, lambda x: pd.Series(x, index=[2, 0, 1])])
def test_labels_go_by_their_order_too(classifier, hold):
    expected, _ = evaluate(classifier, TEXTS, np.array([0, 1, 2]))
    assert evaluate(classifier, TEXTS, hold([0, 1, 2]))[0] == expected


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_class_names_go_by_their_order_too(word_vectorizer, classifier, hold):
    names, probabilities, labels = ["b", "c", "a"], np.eye(3)[[0, 1, 1]], [0, 1, 2]
    expected = score(probabilities, np.array(labels), names)
    assert score(probabilities.tolist(), pd.Series(labels, SHUFFLED), hold(names)) == expected
    assert expected["accuracy"] == pytest.approx(2 / 3)
    model = TextClassifier(word_vectorizer, classifier.classifier, hold(names))
    assert model.class_names == ("b", "c", "a")
    encoder = BertEncoder(4, 1, 4, 2, 4)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    model = bert_classifier(encoder, tokenizer=tokenizer, class_names=hold(names))
    assert model.class_names == ("b", "c", "a")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("abc", "must be a sequence of strings. Received: str 'abc'"),
        ({"a", "b", "c"}, "must be a sequence of strings. Received: set"),
        (["a", "b", "a"], "must be different from each other. Received: a repeated"),
        (["a", "b"], "must name the classifier's 3 classes"),
    ],
)
def test_names_that_do_not_tell_classes_apart(word_vectorizer, classifier, names, message):
    with pytest.raises(ValueError, match=f"`class_names` {message}"):
        TextClassifier(word_vectorizer, classifier.classifier, names)


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [0.0, 1.0, 2.0]])
def test_score_says_what_is_no_label(labels):
    with pytest.raises(ValueError, match="`labels` must be "):
        score(np.eye(3), labels, ["a", "b", "c"])


@pytest.mark.parametrize("side", ["sources", "targets"])
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "must be a sequence of strings. Received: NoneType None"),
        ("rain", "must be a sequence of strings. Received: str 'rain'"),
        (["rain", None, "sun"], "must hold strings. Received: NoneType None at position 1"),
        (["rain"], ".*must be as many as each other"),
    ],
)
def test_a_translator_is_evaluated_by_texts(side, texts, message):
    sides = {"sources": TEXTS, "targets": TEXTS} | {side: texts}
    with pytest.raises(ValueError, match=rf"`{side}` {message}"):
        evaluate_translator(None, **sides)


@pytest.mark.parametrize("labels", [[0, 1], [[0], [1], [2]]])
def test_as_many_labels_as_texts(classifier, labels):
    with pytest.raises(ValueError, match="`labels` must be one class for each of the 3 texts"):
        evaluate(classifier, TEXTS, labels)


@pytest.fixture
def news_of_series():
    texts, labels = ["rain falls", "snow lies", "sun shines"], [0, 1, 2]
    return News(
        pd.Series(texts, index=SHUFFLED),
        pd.Series(labels, index=SHUFFLED[::-1]),
        iter(texts),
        labels,
        ("rain", "snow", "sun"),
        "here",
    )


def test_news_go_by_position_not_by_an_index(news_of_series):
    assert (
        news_of_series.train_texts
        == news_of_series.test_texts
        == ["rain falls", "snow lies", "sun shines"]
    )
    assert news_of_series.train_labels.tolist() == news_of_series.test_labels.tolist() == [0, 1, 2]
    drawn = draw_news(news_of_series, 2, seed=0)
    for text, label in zip(drawn.train_texts, drawn.train_labels, strict=True):
        assert text.startswith(drawn.class_names[label])


@pytest.mark.parametrize(
    "labels", [[0, 1], [0, 1, 3], [0.0, 1.0, 2.0], ["0", "1", "2"], [0, None, 1]]
)
def test_news_say_what_is_no_label(news_of_series, labels):
    with pytest.raises(ValueError, match="`labels` must be"):
        dataclasses.replace(news_of_series, train_labels=labels)


def test_batches_go_by_position_not_by_an_index():
    sequences = pd.Series([[1], [2, 2], [3, 3, 3]], index=SHUFFLED)
    for ids, labels in bucketed_batches(sequences, np.array([1, 2, 3]), batch_size=1):
        assert ids.numpy().max() == labels.numpy()[0]
    for (sources, _), targets in bucketed_pairs(
        sequences, sequences, start_id=8, end_id=9, batch_size=1
    ):
        assert sources.numpy().max() == targets.numpy()[0, 0]


@pytest.mark.parametrize("texts", ["abc def", {"abc": 1}, {"abc"}, None], ids=str)
def test_a_vocabulary_is_learned_from_a_sequence_of_texts(texts):
    with pytest.raises(ValueError, match="`texts` must be a sequence of strings"):
        learn_vocabulary(texts, 100)


def test_texts_without_a_word_have_no_vocabulary():
    with pytest.raises(ValueError, match="2 texts without any"):
        WordVectorizer(10, 4).adapt(["!!", "..."])


@pytest.mark.parametrize("names", [[b"a", b"b"], [None, "a"], [float("nan"), "a"]])
def test_class_names_are_names(names):
    with pytest.raises(ValueError, match="`class_names` must be strings, or integers"):
        check_class_names(names)


def test_class_names_may_be_the_keys_of_a_dict():
    assert check_class_names({"b": 0, "a": 1}.keys()) == ("b", "a")
