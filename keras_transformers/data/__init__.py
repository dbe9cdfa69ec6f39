"""News, sentence pairs, and batches grouped by length."""

from keras_transformers.data.bucketed_batches import bucketed_batches
from keras_transformers.data.bucketed_pairs import bucketed_pairs
from keras_transformers.data.date_pairs import date_pairs
from keras_transformers.data.feature_batches import feature_batches
from keras_transformers.data.load_news import News, draw_news, load_news
from keras_transformers.data.load_pairs import load_pairs
from keras_transformers.data.pairs import Pairs
from keras_transformers.data.reversal_pairs import reversal_pairs

__all__ = [
    "News",
    "Pairs",
    "bucketed_batches",
    "bucketed_pairs",
    "date_pairs",
    "draw_news",
    "feature_batches",
    "load_news",
    "load_pairs",
    "reversal_pairs",
]
