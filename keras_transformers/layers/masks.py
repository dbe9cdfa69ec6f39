"""Attention masks: boolean, True = attend."""

import keras
import numpy as np
from keras import ops

from keras_transformers.utils import Tensor


def merge_masks(
    *masks: Tensor | None, query: Tensor | None = None, value: Tensor | None = None
) -> Tensor | None:
    """Merges masks of what each query may look at.

    Args:
        *masks: each None, boolean or integer (0 or 1) of shape `(batch, keys)`, which keys exist,
            or of shape `(batch, queries, keys)`, which key each query may look at.
        query: optional, the tensor `(batch, queries, dim)` that the masks have to go with.
        value: optional, the tensor `(batch, keys, dim)` that they have to go with.

    Returns:
        Boolean of shape `(batch, queries, keys)`, True where all masks are, with 1 instead of
        `batch` or `queries` where it is the same for all of them; None without a mask.

    Raises:
        ValueError: if a mask holds floats, or is of another shape, or holds other integers; these
            go unseen while a backend traces.
    """
    merged = None
    for mask in masks:
        if mask is None:
            continue
        check_mask(mask, query, value)
        mask = ops.cast(mask, "bool")
        mask = mask if len(mask.shape) == 3 else ops.expand_dims(mask, 1)
        merged = mask if merged is None else ops.logical_and(merged, mask)
    return merged


def check_mask(
    mask: Tensor,
    query: Tensor | None = None,
    value: Tensor | None = None,
    name: str = "attention_mask",
) -> None:
    """Raises the `ValueError` of `merge_masks` for what is no such mask."""
    _check_kind(name, mask)
    batch, queries = (None, None) if query is None else query.shape[:2]
    keys = None if value is None else value.shape[1]
    if not _fits(tuple(mask.shape), batch, queries, keys):
        here = "" if query is None else f", here {(batch, keys)} or {(batch, queries, keys)}"
        raise ValueError(
            f"`{name}` must have shape (batch, keys) or (batch, queries, keys){here}. "
            f"Received: shape {tuple(mask.shape)}"
        )


def check_mask_of_keys(mask: Tensor, value: Tensor, name: str, floats: bool = False) -> None:
    """Raises a `ValueError` for a mask that does not say which of `value`'s keys exist.

    Args:
        mask: boolean or integer (0 or 1) of shape `(batch, keys)`.
        value: the tensor `(batch, keys, dim)`.
        name: what the error calls the mask.
        floats: bool, whether floats of 0 and 1 will do.
    """
    _check_kind(name, mask, floats)
    sizes = zip(mask.shape, value.shape[:2], strict=False)
    if len(mask.shape) != 2 or not all(_alike(*pair) for pair in sizes):
        raise ValueError(
            f"`{name}` must have shape (batch, keys), here {tuple(value.shape[:2])}. "
            f"Received: shape {tuple(mask.shape)}"
        )


def _check_kind(name, mask, floats=False):
    """Refuses masks of other numbers than 0 and 1, such as those that are added to the scores."""
    kind = keras.backend.standardize_dtype(mask.dtype)
    if kind == "bool":
        return
    received = mask.dtype if "float" in kind and not floats else _other_number(mask)
    if received is not None:
        numbers = "numbers" if floats else "integers"
        raise ValueError(
            f"`{name}` must be boolean, or {numbers} of 0 and 1, True = attend. Received: "
            f"{received}. A mask that is added to the scores, 0 where a query may look and a "
            "large negative number elsewhere, is `mask == 0` here"
        )


def _other_number(mask):
    """Returns a number in a mask that is neither 0 nor 1; None without, or if not known yet."""
    values = known_values(mask)
    if values is None:
        return None
    others = values[(values != 0) & (values != 1)]
    return others[0] if others.size else None


def known_values(tensor: Tensor) -> np.ndarray | None:
    """Returns what a tensor holds; None while a backend traces."""
    try:
        return np.asarray(tensor)
    except (TypeError, ValueError, RuntimeError):  # whichever the backend has
        return None


def _fits(shape, batch, queries, keys):
    """Whether a mask of that shape goes with these sizes, None where one is not known."""
    if len(shape) not in (2, 3):
        return False
    rest = zip(shape[:-1], (batch, queries), strict=False)
    return _alike(shape[-1], keys) and all(size == 1 or _alike(size, all_) for size, all_ in rest)


def _alike(size, other):
    return None in (size, other) or size == other


def make_causal_mask(query: Tensor, value: Tensor) -> Tensor:
    """Returns a mask of shape `(1, queries, keys)` that lets query `t` look at keys 0 to `t`."""
    queries, keys = ops.shape(query)[1], ops.shape(value)[1]
    return (ops.arange(queries)[:, None] >= ops.arange(keys))[None]


def masked_softmax(scores: Tensor, mask: Tensor | None, heads_axis: int | None = 1) -> Tensor:
    """Turns scores into weights that are 0 where the mask is False and sum to 1.

    Args:
        scores: floats of shape `(batch, heads, queries, keys)`, or with the heads elsewhere.
        mask: optional, boolean of shape `(batch, queries, keys)`, or with 1 for one of the first.
        heads_axis: int, the axis of the heads; None where `scores` have none.

    Returns:
        Floats of the shape of `scores`. A query that may look at no key attends to all alike.
    """
    if mask is not None:
        # Far below any score, so that exp() of it is 0, and finite, so that a row without a key
        # is not NaN.
        lowest = -3e4 if keras.backend.standardize_dtype(scores.dtype) == "float16" else -1e9
        mask = ops.cast(mask, scores.dtype)
        mask = mask if heads_axis is None else ops.expand_dims(mask, heads_axis)
        scores = scores + (1 - mask) * lowest
    return ops.softmax(scores)
