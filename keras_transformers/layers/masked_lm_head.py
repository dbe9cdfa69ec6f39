"""The part of BERT that guesses the masked tokens."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_transformers.layers import fast
from keras_transformers.layers.masks import known_values
from keras_transformers.layers.quantization import KeepsQuantization
from keras_transformers.utils import Tensor, check_positive


@keras.saving.register_keras_serializable(package="keras_transformers")
class MaskedLMHead(KeepsQuantization, keras.layers.Layer):
    r"""Scores every token of the vocabulary for each masked position.

    Devlin et al., 2019 (arXiv 1810.04805), section 3.1 (task 1), as their code has it: the
    vectors `h_m` of the masked positions `m`, and of no others, are transformed once and compared
    with the vectors of all tokens, the same matrix `E` that the tokens came in by (Press and Wolf,
    2017, arXiv 1608.05859):

    \[ z_m = \mathrm{LayerNorm}(\mathrm{gelu}(h_m W + b)) E^\top + b_E \]

    Args:
        vocab_size: int, the number of different token ids.
        hidden_size: int, the length of the vectors.
        activation: of the transformation, a Keras name or a callable.
        epsilon: float, added to the variance in the layer normalisation.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: floats of shape `(batch, length, hidden_size)`, an encoder's output.
        token_matrix: floats of shape `(vocab_size, hidden_size)`, the encoder's token vectors `E`.
        masked_positions: optional integers of shape `(batch, predictions)`, the positions to score;
            by default all of them.

    Returns:
        Logits, floats of shape `(batch, predictions, vocab_size)` in the compute dtype.

    Raises:
        ValueError: if a size is not a positive integer, or a masked position is no integer or
            none of the inputs'; where a backend traces, the latter goes unseen.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers import MaskedLMHead
        >>> head = MaskedLMHead(vocab_size=100, hidden_size=8)
        >>> logits = head(np.ones((2, 12, 8)), np.ones((100, 8)), np.array([[3], [7]]))
        >>> tuple(logits.shape), head.count_params()
        ((2, 1, 100), 188)
    """

    def __init__(
        self,
        vocab_size: int,
        hidden_size: int,
        *,
        activation: str | Callable[[Tensor], Tensor] = "gelu",
        epsilon: float = 1e-12,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocab_size = check_positive("vocab_size", vocab_size)
        self.hidden_size = check_positive("hidden_size", hidden_size)
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon

        options = {"dtype": self.dtype_policy}
        self.transform_dense = keras.layers.Dense(hidden_size, name="transform_dense", **options)
        self.transform_activation = fast.Activation(
            self.activation, name="transform_activation", **options
        )
        self.transform_norm = fast.LayerNormalization(
            epsilon=epsilon, name="transform_norm", **options
        )

    def build(self, inputs_shape, token_matrix_shape=None, masked_positions_shape=None):
        vectors = (None, None, self.hidden_size)
        self.transform_dense.build(vectors)
        self.transform_norm.build(vectors)
        self.output_bias = self.add_weight(
            shape=(self.vocab_size,), initializer="zeros", name="output_bias"
        )
        self.built = True

    def call(self, inputs, token_matrix, masked_positions=None):
        if masked_positions is not None:
            _check_positions(masked_positions, inputs.shape[1])
            inputs = self._at(inputs, ops.cast(masked_positions, "int32"))
        x = self.transform_norm(self.transform_activation(self.transform_dense(inputs)))
        token_matrix = ops.cast(token_matrix, self.compute_dtype)
        return ops.matmul(x, ops.transpose(token_matrix)) + self.output_bias

    def _at(self, inputs, positions):
        batch, length, _ = ops.shape(inputs)
        vectors = ops.reshape(inputs, (-1, self.hidden_size))
        return ops.take(vectors, positions + length * ops.arange(batch)[:, None], axis=0)

    def compute_output_shape(
        self, inputs_shape, token_matrix_shape=None, masked_positions_shape=None
    ):
        return (*(masked_positions_shape or inputs_shape)[:2], self.vocab_size)

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
        }


def _check_positions(positions, length):
    """Refuses positions that are none, where they are known: another text's would be read."""
    kind = keras.backend.standardize_dtype(positions.dtype)
    values = known_values(positions)
    known = values is not None and length is not None
    if "int" not in kind or (known and not np.all((values >= 0) & (values < length))):
        raise ValueError(
            f"`masked_positions` must be integers from 0 to {length and length - 1}, the last "
            f"position. Received: {kind if values is None else values.tolist()}"
        )
