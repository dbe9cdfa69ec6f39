"""AG News, the bundled sample, and batches grouped by length."""

from keras_transformers.data.bucketed_batches import bucketed_batches
from keras_transformers.data.feature_batches import feature_batches
from keras_transformers.data.load_news import News, draw_news, load_news

__all__ = ["News", "bucketed_batches", "draw_news", "feature_batches", "load_news"]
