"""BERT's preprocessing model from TensorFlow Hub as a Keras layer."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_transformers.hub.hub_layer import HubLayer
from keras_transformers.text.encode_texts import encode_texts

if TYPE_CHECKING:
    import tensorflow as tf


@keras.saving.register_keras_serializable(package="keras_transformers")
class HubTokenizer(HubLayer):
    """Turns texts into what a BERT takes, with a preprocessing model from TensorFlow Hub.

    Called directly, such a model pads every text to 128 tokens. This layer pads to the longest
    text of the batch: a BERT then computes the same result in less time.

    Args:
        handle: the preprocessing model, as `HubLayer` takes it.
        max_length: int, at least 3, longer texts are cut. None means where the model cuts when
            called directly; the encoder's number of positions is the limit.
        trainable: bool, has no effect: there is nothing to train.
        load_options: as for `HubLayer`.
        name: str, the layer's name.
        dtype: the layer's dtype policy; what it gives is int32 under any.

    Call arguments:
        texts: string tensor of shape `(batch,)`.

    Returns:
        A dict of int32 tensors of shape `(batch, length)`: `input_word_ids`, `[CLS] text [SEP]`
        and then padding; `input_mask`, 1 = attend (integers, by BERT's convention);
        `input_type_ids`, the number of the segment, here 0.

    Raises:
        ValueError: if the SavedModel cannot be opened, if it is no preprocessing model or pads with
            another id than 0, or if `max_length` is too small.
    """

    def __init__(
        self,
        handle: str | os.PathLike[str],
        max_length: int | None = None,
        *,
        trainable: bool = False,
        load_options: "tf.saved_model.LoadOptions | None" = None,
        name: str | None = None,
        dtype: str | keras.DTypePolicy | None = None,
    ) -> None:
        if max_length is not None and (
            isinstance(max_length, bool) or not isinstance(max_length, int) or max_length < 3
        ):
            raise ValueError(
                "`max_length` must be an integer of at least 3, room for [CLS], a token and "
                f"[SEP]. Received: max_length={max_length!r}"
            )
        super().__init__(handle, trainable, load_options=load_options, name=name, dtype=dtype)
        for method in ("__call__", "tokenize", "bert_pack_inputs"):
            if not hasattr(self.resolved_object, method):
                raise ValueError(
                    f"`handle` must name a BERT preprocessing model, with a method {method}. "
                    f"Received: handle={self.handle!r}"
                )
        packed = self._pack_nothing()
        self.max_length = max_length or packed["input_word_ids"].shape[1]

    def _pack_nothing(self):
        """Returns what the model makes of an empty text, once it is seen to pad with 0."""
        import tensorflow as tf

        packed = self.resolved_object(tf.constant([""]))
        if tf.reduce_any((packed["input_word_ids"] == 0) != (packed["input_mask"] == 0)):
            raise ValueError(
                "`handle` must name a preprocessing model that has [PAD] as token 0. "
                f"Received: handle={self.handle!r}, which makes "
                f"{packed['input_word_ids'][0, :3].numpy().tolist()}... of an empty text"
            )
        return packed

    def call(self, texts):
        import tensorflow as tf

        tokens = self.resolved_object.tokenize(texts).merge_dims(1, -1)
        longest = tf.cast(tf.reduce_max(tokens.row_lengths()), tf.int32) + 2
        length = tf.minimum(longest, self.max_length)
        return self.resolved_object.bert_pack_inputs([tokens], seq_length=length)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Returns the ids of each text without padding, for `bucketed_batches`."""
        return encode_texts(texts, lambda batch: self(batch)["input_word_ids"])

    def get_config(self):
        config = super().get_config()
        names = ("name", "trainable", "dtype", "handle", "load_options")
        return {name: config[name] for name in names} | {"max_length": self.max_length}
