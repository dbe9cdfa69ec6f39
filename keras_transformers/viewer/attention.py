"""Attention weights and the tokens that they are between."""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from keras_transformers.utils import check_texts

AXES = "(queries, keys), (heads, queries, keys) or (layers, heads, queries, keys)"
Guesses = dict[int, list[tuple[str, float]]]


@dataclasses.dataclass
class Attention:
    """The attention weights of some layers and heads, between the tokens of one text or of two.

    Args:
        name: what it is called where there are several to choose from.
        scores: floats from 0 to 1 of shape `(queries, keys)`, `(heads, queries, keys)` or
            `(layers, heads, queries, keys)`; or a list with `(heads, queries, keys)` for each
            layer, or `(1, heads, queries, keys)`, as `BertEncoder` returns it for one text.
        tokens: a token for each query, those that look.
        keys: a token for each key, those that are looked at; None if they are the same.
        second_start: of a pair of texts, the place of the second one's first token.
        guesses: for the place of a query what is guessed there, pieces and their probabilities.

    Attributes:
        scores: float32 of shape `(layers, heads, queries, keys)`.

    Raises:
        ValueError: if `scores` has other axes or other numbers, if there are more or fewer tokens
            than queries or keys, or `second_start` is not within the tokens.
    """

    name: str
    scores: np.ndarray | Sequence[Any]
    tokens: Sequence[str]
    keys: Sequence[str] | None = None
    second_start: int | None = None
    guesses: Guesses = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scores = _check_scores(self.scores)
        to_itself = self.keys is None
        name, keys = ("tokens", self.tokens) if to_itself else ("keys", self.keys)
        self.tokens = _check_tokens("tokens", self.tokens, "queries", self.scores.shape[2])
        self.keys = _check_tokens(name, keys, "keys", self.scores.shape[3])
        if self.second_start is not None:
            self._check_second_start(to_itself)

    def _check_second_start(self, to_itself):
        if not to_itself or self.second_start not in range(1, len(self.tokens)):
            raise ValueError(
                f"`second_start` must be from 1 to {len(self.tokens) - 1}, the place of a token, "
                f"where the tokens look at each other. Received: {self.second_start!r}"
            )
        self.second_start = int(self.second_start)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as the page reads it; the weights are as exact as 1/255 at least."""
        layers, heads = self.scores.shape[:2]
        # A byte for the square root, because weights are small in long texts.
        roots = np.rint(255 * np.sqrt(self.scores)).astype("uint8")
        return {
            "name": self.name,
            "queries": self.tokens,
            "keys": self.keys,
            "layers": layers,
            "heads": heads,
            "second": self.second_start,
            "guesses": [{"position": i, "pieces": best} for i, best in self.guesses.items()],
            "weights": base64.b64encode(roots.tobytes()).decode("ascii"),
        }


def _check_scores(scores):
    scores = _stack(scores) if isinstance(scores, list | tuple) else ops.convert_to_numpy(scores)
    scores = np.asarray(scores, "float32")
    if scores.ndim not in (2, 3, 4) or 0 in scores.shape:
        raise ValueError(f"`scores` must have the axes {AXES}. Received: shape {scores.shape}")
    # Half floats overshoot a little.
    if not (scores.min() >= -1e-3 and scores.max() <= 1 + 1e-2):
        raise ValueError(
            "`scores` must be weights from 0 to 1, after the softmax. "
            f"Received: numbers from {scores.min():.4g} to {scores.max():.4g}"
        )
    return np.clip(scores, 0, 1).reshape((1,) * (4 - scores.ndim) + scores.shape)


def _stack(layers):
    layers = [ops.convert_to_numpy(layer) for layer in layers]
    shapes = [layer.shape for layer in layers]
    if len(set(shapes)) > 1:
        raise ValueError(f"`scores` must have the same shape in each layer. Received: {shapes}")
    scores = np.array(layers)
    batch_of_one = scores.ndim == 5 and scores.shape[1] == 1
    return scores[:, 0] if batch_of_one else scores


def _check_tokens(name, tokens, axis, size):
    try:
        texts = check_texts(tokens)
    except ValueError:
        texts = None
    if texts is None or len(texts) != size:
        received = f"{tokens!a:.80}" if texts is None else f"{len(texts)} tokens"
        raise ValueError(
            f"`{name}` must hold a string that UTF-8 can encode for each of the {size} {axis} of "
            f"`scores`. Received: {received}"
        )
    return texts
