"""Attention masks: boolean, True = attend."""

import keras
from keras import ops


def merge_masks(*masks):
    """Merges masks of what each query may look at.

    Args:
        *masks: each None, boolean of shape `(batch, keys)`, which keys exist, or boolean of shape
            `(batch, queries, keys)`, which key each query may look at.

    Returns:
        Boolean of shape `(batch, queries, keys)`, True where all masks are, with 1 instead of
        `batch` or `queries` where it is the same for all of them; None without a mask.

    Raises:
        ValueError: if a mask has neither 2 nor 3 axes.
    """
    merged = None
    for mask in masks:
        if mask is None:
            continue
        if len(mask.shape) not in (2, 3):
            raise ValueError(
                "`attention_mask` must have shape (batch, keys) or (batch, queries, keys). "
                f"Received: shape {tuple(mask.shape)}"
            )
        mask = ops.cast(mask, "bool")
        mask = mask if len(mask.shape) == 3 else mask[:, None]
        merged = mask if merged is None else ops.logical_and(merged, mask)
    return merged


def make_causal_mask(query, value):
    """Returns a mask of shape `(1, queries, keys)` that lets query `t` look at keys 0 to `t`."""
    queries, keys = ops.shape(query)[1], ops.shape(value)[1]
    return (ops.arange(queries)[:, None] >= ops.arange(keys))[None]


def masked_softmax(scores, mask, heads_axis=1):
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
