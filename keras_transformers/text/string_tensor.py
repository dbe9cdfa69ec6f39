"""Texts to tensors of TensorFlow."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from keras_transformers.utils import Tensor, check_texts

if TYPE_CHECKING:
    import tensorflow as tf


def string_tensor(
    texts: Tensor | Iterable[str | bytes],
    axes: Collection[int | None] = (1,),
    expected: str = "strings of shape (batch,)",
) -> "tf.Tensor":
    """Returns texts, whatever holds them, as a string tensor, which is also what may come in.

    Args:
        texts: strings of shape `(batch,)`.
        axes: the numbers of axes that will do.
        expected: what the error says that `texts` must be.

    Raises:
        ValueError: if something is no string, or there are more axes or fewer.
    """
    import tensorflow as tf

    try:
        strings = tf.convert_to_tensor(texts, tf.string)
    except (TypeError, ValueError) as error:
        if tf.is_tensor(texts):
            received = f"{type(texts).__name__} of {texts.dtype.name}"
            raise ValueError(f"`texts` must be {expected}. Received: {received}") from error
        # Only now, for it takes time: it says what is no string, and where.
        strings = tf.constant(check_texts(texts), tf.string)
    if strings.shape.rank not in axes:
        raise ValueError(f"`texts` must be {expected}. Received: shape {strings.shape}")
    return strings
