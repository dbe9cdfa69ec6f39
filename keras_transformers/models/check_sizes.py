"""Whether a tokeniser and a model go together."""

import keras

from keras_transformers.layers import TokenAndPositionEmbedding


def check_ids(
    tokenizer: keras.layers.Layer, model: keras.layers.Layer, name: str = "tokenizer"
) -> None:
    """Raises a `ValueError` if a tokeniser has more ids than a model has vectors for.

    Where a model's embedding is of another kind, or not the only one, nothing is refused.

    Args:
        tokenizer: a `WordVectorizer`, `WordPieceTokenizer` or `SentencePieceTokenizer`.
        model: what takes its ids.
        name: what the error calls the tokeniser.
    """
    embedding = _embedding(model)
    vectors = getattr(embedding, "vocab_size", getattr(embedding, "input_dim", None))
    # A WordVectorizer's vocab_size is what its vocabulary may grow to.
    vocabulary = getattr(tokenizer, "vocabulary", None)
    ids = getattr(tokenizer, "vocab_size", None) if vocabulary is None else len(vocabulary)
    _check(name, "ids", vectors, ids, f"{ids} ids")


def check_sizes(tokenizer: keras.layers.Layer, model: keras.layers.Layer) -> None:
    """Does what `check_ids` does, and for the longest text and the positions as well."""
    check_ids(tokenizer, model)
    longest = "max_length" if hasattr(tokenizer, "max_length") else "maxlen"
    length = getattr(tokenizer, longest, None)
    limit = getattr(_embedding(model), "maxlen", None)
    _check("tokenizer", "positions", limit, length, f"{longest}={length}")


def _embedding(model):
    """Returns the layer that has a model's vectors of tokens; None if that cannot be told."""
    layers = list(model._flatten_layers())
    both = [layer for layer in layers if isinstance(layer, TokenAndPositionEmbedding)]
    tokens = [layer for layer in layers if isinstance(layer, keras.layers.Embedding)]
    return both[0] if both else tokens[0] if len(tokens) == 1 else None


def _check(name, what, limit, size, received):
    if None not in (limit, size) and size > limit:
        raise ValueError(
            f"`{name}` must give at most the {limit} {what} that the model has vectors for. "
            f"Received: {received}"
        )
