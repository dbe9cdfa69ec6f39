"""Tokenisers that give ids or positions which a model has no vectors for are refused by name."""

import keras
import pytest

from keras_transformers.models import (
    BertEncoder,
    TextClassifier,
    Translator,
    bert_classifier,
    rnn_translator,
    transformer_classifier,
    transformer_translator,
)
from keras_transformers.text import SentencePieceTokenizer, WordPieceTokenizer, WordVectorizer

WORDS = "rain snow sun wind hail fog"  # and padding and unknown words: 8 ids
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rain", "snow", "sun"]


def vectorizer(maxlen=6):
    made = WordVectorizer(100, maxlen)  # room for more words than there are
    made.adapt([WORDS])
    return made


def embedding_alone(vocab_size, *others):
    ids = keras.Input((None,), dtype="int32")
    layers = [keras.layers.Embedding(size, 4) for size in (vocab_size, *others)]
    x = keras.layers.GlobalAveragePooling1D()(sum(layer(ids) for layer in layers))
    return keras.Model(ids, keras.layers.Dense(2)(x))


def letters():
    return SentencePieceTokenizer.train([WORDS], 40, unit="character")


def translator(source_vocab_size, build, **options):
    source = letters()
    model = build(source_vocab_size, source.vocab_size, 8, **options)
    return Translator(source, source, model, max_length=3)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TextClassifier(vectorizer(), transformer_classifier(7, 6)), "7 ids .*: 8 ids"),
        (
            lambda: TextClassifier(vectorizer(), transformer_classifier(8, 5)),
            "5 positions .*: maxlen=6",
        ),
        (lambda: TextClassifier(vectorizer(), embedding_alone(7)), "7 ids .*: 8 ids"),
        (
            lambda: bert_classifier(
                BertEncoder(7, 1, 8, 2, 8, 10), tokenizer=WordPieceTokenizer(PIECES, max_length=10)
            ),
            "7 ids .*: 8 ids",
        ),
    ],
)
def test_what_there_are_no_vectors_for(build, message):
    with pytest.raises(ValueError, match=f"`tokenizer` must give at most the {message}"):
        build()


def test_what_just_fits():
    for classifier in (
        transformer_classifier(8, 6),
        embedding_alone(8),
        embedding_alone(100, 3),  # of which either may be that of positions
    ):
        TextClassifier(vectorizer(), classifier)
    tokenizer = WordPieceTokenizer(PIECES, max_length=10)
    # The encoder has a matrix of two segments, too.
    bert_classifier(BertEncoder(8, 1, 8, 2, 8, 10), tokenizer=tokenizer)


@pytest.mark.parametrize("build", [rnn_translator, transformer_translator])
def test_a_translator_s_source(build):
    size = letters().vocab_size
    assert translator(size, build).translate(["rain"])
    with pytest.raises(ValueError, match=rf"`source_tokenizer` .* {size - 1} ids .*: {size} ids"):
        translator(size - 1, build)


def test_a_classifier_opens_again(tmp_path):
    model = TextClassifier(vectorizer(), transformer_classifier(8, 6))
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").tokenizer.maxlen == 6
