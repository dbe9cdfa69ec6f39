"""The loss of models that write, and how often they are right."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_transformers")
class MaskedCrossEntropy(keras.losses.Loss):
    r"""The mean cross-entropy of the tokens, padding left out.

    With label smoothing (Szegedy et al., 2016, arXiv 1512.00567, section 7) a share `\epsilon` of
    each target is spread over all `K` tokens of the vocabulary:

    \[ -(1 - \epsilon) \log p(y) - \frac{\epsilon}{K} \sum_k \log p(k) \]

    Args:
        label_smoothing: float in [0, 1), the share `\epsilon`.
        **kwargs: `name` and the other arguments of `keras.losses.Loss`.

    Call arguments:
        y_true: integer ids of shape `(batch, length)`, 0 = padding.
        y_pred: logits of shape `(batch, length, K)`.

    Returns:
        The mean over all tokens that are not padding, in nats.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.training import MaskedCrossEntropy
        >>> loss = MaskedCrossEntropy()(np.array([[1, 0]]), np.zeros((1, 2, 4), "float32"))
        >>> round(float(loss), 4)  # the logarithm of 4
        1.3863
    """

    def __init__(
        self, label_smoothing: float = 0.0, name: str = "masked_cross_entropy", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, "int32")  # Keras makes the type of all that is compared alike
        log_sums = ops.logsumexp(y_pred, axis=-1)
        losses = log_sums - ops.take_along_axis(y_pred, y_true[..., None], axis=-1)[..., 0]
        if self.label_smoothing:
            spread = log_sums - ops.mean(y_pred, axis=-1)
            losses = (1 - self.label_smoothing) * losses + self.label_smoothing * spread
        exists = ops.cast(ops.not_equal(y_true, 0), losses.dtype)
        # Keras averages over what it is given: one number is its own mean.
        return ops.sum(losses * exists) / ops.maximum(ops.sum(exists), 1)

    def get_config(self):
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


@keras.saving.register_keras_serializable(package="keras_transformers")
class TokenAccuracy(keras.metrics.Mean):
    """The share of tokens, padding left out, whose logit is the highest; called as the loss is."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        hits = ops.equal(ops.cast(ops.argmax(y_pred, axis=-1), y_true.dtype), y_true)
        super().update_state(hits, sample_weight=ops.not_equal(y_true, 0))
