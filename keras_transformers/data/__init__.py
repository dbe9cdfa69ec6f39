"""News, texts, sentence pairs, and batches grouped by length."""

from keras_transformers.data.bucketed_batches import bucketed_batches
from keras_transformers.data.bucketed_pairs import bucketed_pairs
from keras_transformers.data.date_pairs import date_pairs
from keras_transformers.data.feature_batches import feature_batches
from keras_transformers.data.load_news import News, draw_news, load_news
from keras_transformers.data.load_pairs import load_pairs
from keras_transformers.data.load_texts import Texts, load_texts
from keras_transformers.data.mask_tokens import MaskingVocabulary, mask_tokens
from keras_transformers.data.masked_batches import masked_batches
from keras_transformers.data.pairs import Pairs
from keras_transformers.data.reversal_pairs import reversal_pairs
from keras_transformers.data.stored_sequences import StoredSequences

__all__ = [
    "MaskingVocabulary",
    "News",
    "Pairs",
    "StoredSequences",
    "Texts",
    "bucketed_batches",
    "bucketed_pairs",
    "date_pairs",
    "draw_news",
    "feature_batches",
    "load_news",
    "load_pairs",
    "load_texts",
    "mask_tokens",
    "masked_batches",
    "reversal_pairs",
]
