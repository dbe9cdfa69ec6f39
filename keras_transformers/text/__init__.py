"""Texts to ids."""

from keras_transformers.text.bert_inputs import bert_inputs
from keras_transformers.text.learn_vocabulary import learn_vocabulary
from keras_transformers.text.sentence_piece_tokenizer import SentencePieceTokenizer
from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer
from keras_transformers.text.word_vectorizer import WordVectorizer

__all__ = [
    "SentencePieceTokenizer",
    "WordPieceTokenizer",
    "WordVectorizer",
    "bert_inputs",
    "learn_vocabulary",
]
