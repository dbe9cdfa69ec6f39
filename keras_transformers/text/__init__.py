"""Texts to ids."""

from keras_transformers.text.word_vectorizer import WordVectorizer

__all__ = ["WordVectorizer"]
