"""The optimizers BERT is trained with."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_transformers.training.fused_adam import FusedStep
from keras_transformers.training.warmup_polynomial_decay import WarmupPolynomialDecay
from keras_transformers.utils import check_rate

# The last three are tf-models-official's, found anywhere in a variable's name. The first is for
# layers called something else, and for backends that know a variable as "gamma" alone.
NOT_DECAYED = [r"(^|[/_.])(gamma|beta)(:\d+)?$", "bias", "LayerNorm", "layer_norm"]


def create_optimizer(
    init_lr: float,
    num_train_steps: int,
    num_warmup_steps: int,
    end_lr: float = 0.0,
    optimizer_type: str = "adamw",
    beta_1: float = 0.9,
    poly_power: float = 1.0,
) -> keras.optimizers.Optimizer:
    r"""Returns the optimizer BERT is fine-tuned with, its rate warming up and then decaying.

    The arguments and the steps taken are those of `official.nlp.optimization.create_optimizer`
    (tf-models-official), for Keras 3. The rate `\eta` of step `t` is
    `WarmupPolynomialDecay(init_lr, num_train_steps, num_warmup_steps, end_lr, poly_power)`, whose
    warm-up is linear; the weight decay `\lambda` is 0.01, `\beta_2` 0.999, `\epsilon` 1e-6.
    Biases and the gamma and beta of normalisation layers do not decay.

    With `"adamw"` (Loshchilov and Hutter, 2019, arXiv 1711.05101) all gradients together are
    first clipped to norm 1; the decay is on the weights themselves and scaled by the rate:

    \[ g \leftarrow g \, \min(1, 1 / \lVert g \rVert), \qquad
       \theta \leftarrow \theta - \eta \lambda \theta \]
    \[ m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
       v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \]
    \[ \theta \leftarrow \theta
       - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m}{\sqrt{v} + \epsilon} \]

    With `"lamb"` (You et al., 2020, arXiv 1904.00962, algorithm 2) nothing is clipped, and each
    weight tensor moves in proportion to its own norm:

    \[ u = \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon} + \lambda \theta,
       \qquad \theta \leftarrow \theta - \eta \frac{\lVert \theta \rVert}{\lVert u \rVert} u \]

    where the weights that do not decay leave out `\lambda \theta` and the ratio of norms.

    The gradient of an embedding counts towards the norm that is clipped as the backend delivers
    it: TensorFlow has one row for each token of the batch, JAX and PyTorch their sum.

    Args:
        init_lr: float, the rate that warm-up climbs towards and decay starts from.
        num_train_steps: int, the number of batches, not rows, in the whole of training.
        num_warmup_steps: int, the number of them that are warm-up: 0 (the first step is taken at
            `init_lr`) to `num_train_steps`. Fractional and larger ones are refused.
            `training_steps` counts both.
        end_lr: float, the rate after `num_train_steps`.
        optimizer_type: `"adamw"` or `"lamb"`.
        beta_1: float in [0, 1), the decay `\beta_1` of the gradients' moving average.
        poly_power: float, the power of the rate's decay; 1 is linear.

    Returns:
        An optimizer for `model.compile`. A model saved with it trains on where it stopped; one
        under `mixed_float16` has to be opened under that policy too, or Keras warns that it drops
        the optimizer's state. `optimizer.weight_decay` may be set before the first step.

    Raises:
        ValueError: if an argument is out of range or `optimizer_type` is neither of the two.

    Example:
        >>> from keras_transformers.training import create_optimizer
        >>> optimizer = create_optimizer(3e-5, num_train_steps=1000, num_warmup_steps=100)
        >>> optimizer.weight_decay, optimizer.global_clipnorm
        (0.01, 1.0)
    """
    if optimizer_type not in ("adamw", "lamb"):
        raise ValueError(
            "`optimizer_type` must be 'adamw' or 'lamb'. "
            f"Received: optimizer_type={optimizer_type!r}"
        )
    options = {
        "learning_rate": WarmupPolynomialDecay(
            init_lr, num_train_steps, num_warmup_steps, end_lr, poly_power
        ),
        "weight_decay": 0.01,
        "beta_1": _as_float32(check_rate("beta_1", beta_1)),
        "beta_2": _as_float32(0.999),
        "epsilon": 1e-6,
    }
    if optimizer_type == "lamb":
        return LambWeightDecay(**options)
    return AdamWeightDecay(**options, global_clipnorm=1.0)


@keras.saving.register_keras_serializable(package="keras_transformers")
class AdamWeightDecay(FusedStep, keras.optimizers.AdamW):
    """AdamW that leaves biases and normalisation layers out of the decay, reloaded or not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Not part of an optimizer's config: set from outside, it would be lost in a saved model.
        self.exclude_from_weight_decay(var_names=NOT_DECAYED)


@keras.saving.register_keras_serializable(package="keras_transformers")
class LambWeightDecay(keras.optimizers.Lamb):
    """LAMB with the decay inside the trust ratio; biases and normalisation layers have neither."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.exclude_from_weight_decay(var_names=NOT_DECAYED)

    def _apply_weight_decay(self, variables):
        """Does nothing: `update_step` decays."""

    def update_step(self, gradient, variable, learning_rate):
        step = ops.cast(self.iterations + 1, variable.dtype)
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        # An embedding's gradient can hold one row several times: they add up before the square.
        gradient = ops.cast(gradient, m.dtype) + ops.zeros(m.shape, m.dtype)
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        self.assign_add(v, (ops.square(gradient) - v) * (1 - self.beta_2))

        unbiased_m = m / (1 - ops.power(ops.cast(self.beta_1, variable.dtype), step))
        unbiased_v = v / (1 - ops.power(ops.cast(self.beta_2, variable.dtype), step))
        update = unbiased_m / (ops.sqrt(unbiased_v) + self.epsilon)
        if self._use_weight_decay(variable):
            update = update + self.weight_decay * variable
            update = update * _trust_ratio(variable, update)
        self.assign_sub(variable, ops.cast(learning_rate, variable.dtype) * update)


def _trust_ratio(variable, update):
    """The norm of the weights over that of their update; 1 where either is zero."""
    weight_norm, update_norm = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, update))
    both = ops.logical_and(weight_norm > 0, update_norm > 0)
    return ops.where(both, weight_norm / ops.where(both, update_norm, 1.0), 1.0)


def _as_float32(beta):
    # Keras takes `1 - beta` of the Python float but `beta ** step` of the float32: at 0.999 the two
    # are a relative 1e-5 apart. Rounded first they agree, as they do in tf-models-official.
    return float(np.float32(beta))
