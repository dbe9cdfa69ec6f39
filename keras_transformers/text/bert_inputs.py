"""What a BERT takes, made of padded ids."""

from typing import TYPE_CHECKING

from keras_transformers.utils import Tensor

if TYPE_CHECKING:
    import tensorflow as tf


INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


def bert_inputs(ids: Tensor) -> dict[str, "tf.Tensor"]:
    """Returns the three tensors that a BERT takes for one segment.

    Args:
        ids: int32 tensor or array of shape `(batch, length)`, 0 = padding.

    Returns:
        A dict of int32 of that shape: `input_word_ids` are the ids, `input_mask` is 1 where
        there is no padding, `input_type_ids` is 0.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.text import bert_inputs
        >>> bert_inputs(np.array([[101, 7592, 102, 0]]))["input_mask"].numpy()
        array([[1, 1, 1, 0]], dtype=int32)
    """
    import tensorflow as tf

    ids = tf.cast(ids, tf.int32)
    return {
        "input_word_ids": ids,
        "input_mask": tf.cast(ids != 0, tf.int32),
        "input_type_ids": tf.zeros_like(ids),
    }
