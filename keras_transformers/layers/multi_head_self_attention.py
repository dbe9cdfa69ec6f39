"""Self-attention as models of version 0.1.0 hold it."""

from typing import Any

import keras

from keras_transformers.layers.multi_head_attention import MultiHeadAttention


@keras.saving.register_keras_serializable(package="keras_transformers")
class MultiHeadSelfAttention(MultiHeadAttention):
    """`MultiHeadAttention` called as `attention(x)`: opens models that were saved with it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sent_mask = _SentMask(name="sent_mask")

    def build(self, input_shape):
        super().build(input_shape, input_shape)

    def call(self, inputs, attention_mask=None, training=None, return_attention_scores=False):
        return super().call(
            inputs,
            inputs,
            attention_mask,
            # Not an argument `mask`: it would become a part of the model's graph, which had none.
            value_mask=self.sent_mask(inputs),
            training=training,
            return_attention_scores=return_attention_scores,
        )


class _SentMask(keras.layers.Layer):
    """Returns the mask that was sent along with its inputs."""

    def call(self, inputs, mask=None):
        return mask

    def compute_mask(self, inputs, previous_mask=None):
        return None
