"""Word pieces learned from texts."""

import pytest

from keras_transformers.checkpoints.vocabulary import SPECIAL_TOKENS
from keras_transformers.data import load_news
from keras_transformers.text import WordPieceTokenizer, learn_vocabulary


@pytest.fixture(scope="module")
def texts():
    return load_news("sample").train_texts


@pytest.fixture(scope="module")
def vocabulary(texts):
    return learn_vocabulary(iter(texts), 1000)


def test_so_many_pieces_special_tokens_first(vocabulary):
    assert tuple(vocabulary[:5]) == SPECIAL_TOKENS
    assert len(vocabulary) == len(set(vocabulary))
    assert 950 <= len(vocabulary) <= 1000
    assert not any(piece != piece.lower() for piece in vocabulary[5:])


@pytest.mark.slow
def test_the_same_texts_give_the_same_pieces(texts, vocabulary):
    assert learn_vocabulary(texts, 1000) == vocabulary


def test_they_suit_the_tokeniser_and_the_texts(texts, vocabulary):
    tokenizer = WordPieceTokenizer(vocabulary)
    tokens = [token for text in texts[:50] for token in tokenizer.tokens(text)]
    assert "[UNK]" not in tokens
    few = WordPieceTokenizer(learn_vocabulary(texts, 300))
    assert len(tokens) < sum(len(few.tokens(text)) for text in texts[:50])


@pytest.mark.slow
def test_case_is_kept_on_request(texts):
    assert "The" in learn_vocabulary(texts, 1000, lower_case=False)


@pytest.mark.parametrize("texts", [[], ["", " "]])
def test_without_words_there_is_nothing_to_learn(texts):
    with pytest.raises(ValueError, match="`texts` must hold words"):
        learn_vocabulary(texts, 100)
