"""Dropout with a cheap gradient."""

import keras
from keras import ops

from keras_transformers.layers.fast.switch import is_on


@keras.saving.register_keras_serializable(package="keras_transformers")
class Dropout(keras.layers.Dropout):
    r"""Sets a share of the numbers to 0 in training (Srivastava et al., 2014, JMLR 15).

    \[ y = \frac{m \odot x}{1 - \mathrm{rate}}, \qquad
       m_i \sim \mathrm{Bernoulli}(1 - \mathrm{rate}) \]

    It does what `keras.layers.Dropout` does, written as a product: the gradient is then one
    product too, where TensorFlow would select and scale once more. On TensorFlow each element is
    decided by 16 random bits, so that the rate is rounded to a multiple of 1 / 65,536.

    Args:
        rate: float in [0, 1).
        **kwargs: the other arguments of `keras.layers.Dropout` but `noise_shape`.

    Call arguments:
        inputs: floats of any shape.
        training: bool, whether anything is set to 0.

    Returns:
        Floats of the shape of `inputs`.

    Example:
        >>> import numpy as np
        >>> from keras_transformers.layers.fast import Dropout
        >>> np.unique(Dropout(0.5)(np.ones((9, 9)), training=True)).tolist()
        [0.0, 2.0]
    """

    def call(self, inputs, training=False):
        if not is_on("dropout"):
            return super().call(inputs, training)
        if not training or self.rate == 0:
            return inputs
        draw = _draw_16_bits if keras.backend.backend() == "tensorflow" else _draw
        stays = draw(ops.shape(inputs), self.rate, self.seed_generator)
        return inputs * (ops.cast(stays, inputs.dtype) / (1 - self.rate))


def _draw(shape, rate, seed_generator):
    return keras.random.uniform(shape, seed=seed_generator) >= rate


def _draw_16_bits(shape, rate, seed_generator):
    # Drawing 32 random bits takes longer than all else here, and they are enough for two.
    import tensorflow as tf

    size, seed = tf.reduce_prod(shape), seed_generator.next()
    bits = tf.random.stateless_uniform([(size + 1) // 2], seed, None, None, "uint32")
    bits = tf.reshape(tf.bitcast(bits, "uint16"), [-1])[:size]
    least = min(round(rate * 2**16), 2**16 - 1)
    return tf.reshape(bits, shape) >= tf.constant(least, "uint16")
