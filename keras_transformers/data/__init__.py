"""AG News, the bundled sample, and batches grouped by length."""

from keras_transformers.data.bucketed_batches import bucketed_batches
from keras_transformers.data.load_news import News, load_news

__all__ = ["News", "bucketed_batches", "load_news"]
