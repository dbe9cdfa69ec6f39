"""The learning rate BERT is trained with."""

from numbers import Real

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_transformers")
class WarmupPolynomialDecay(keras.optimizers.schedules.LearningRateSchedule):
    r"""Polynomial warm-up to a peak rate, then polynomial decay (Devlin et al., 2018, section A.2).

    With `s` the number of steps taken, `N` steps of training of which the first `W` are warm-up:

    \[ \eta(s) = \begin{cases}
       \eta_0 \, (s / W)^{q} & s < W \\
       (\eta_0 - \eta_1) \, (1 - \min(s, N) / N)^{p} + \eta_1 & s \ge W
       \end{cases} \]

    As in the reference implementation (`official.nlp.optimization`) the decay is counted from
    step 0, not from the end of the warm-up: at step `W` the rate falls from about `init_lr` to
    `(1 - W / N)^p` of it.

    Args:
        init_lr: float, the rate `\eta_0` that warm-up climbs towards and decay starts from.
        num_train_steps: int, the number `N` of steps of training. A step is a batch, not a row.
        num_warmup_steps: int, the number `W` of steps of warm-up, 0 (none) to `num_train_steps`.
            A fraction is refused, since 0.1 could mean a tenth of a step or of the training.
        end_lr: float, the rate `\eta_1` at step `N` and from there on.
        poly_power: float, the power `p` of the decay; 1 is linear.
        warmup_power: float, the power `q` of the warm-up; 1 is linear.

    Call arguments:
        step: integers of any shape, the number of steps taken so far.

    Returns:
        float32 of the shape of `step`, the rate of the step that comes next.

    Raises:
        ValueError: if a rate or power is out of range, if the steps are not whole numbers, or if
            warm-up is longer than training.

    Example:
        >>> from keras_transformers.training import WarmupPolynomialDecay
        >>> schedule = WarmupPolynomialDecay(3e-5, num_train_steps=100, num_warmup_steps=10)
        >>> [f"{float(schedule(step)):.2e}" for step in (0, 5, 10, 55, 100)]
        ['0.00e+00', '1.50e-05', '2.70e-05', '1.35e-05', '0.00e+00']
    """

    def __init__(
        self,
        init_lr: float,
        num_train_steps: int,
        num_warmup_steps: int,
        end_lr: float = 0.0,
        poly_power: float = 1.0,
        *,
        warmup_power: float = 1.0,
    ) -> None:
        super().__init__()
        if not init_lr > 0:
            raise ValueError(f"`init_lr` must be positive. Received: init_lr={init_lr!r}")
        self.init_lr = init_lr
        self.num_train_steps = _check_steps("num_train_steps", num_train_steps, 1)
        self.num_warmup_steps = _check_steps("num_warmup_steps", num_warmup_steps, 0)
        if self.num_warmup_steps > self.num_train_steps:
            raise ValueError(
                "`num_warmup_steps` must be at most `num_train_steps`, or the rate never reaches "
                "`init_lr`; count both in batches, not in rows. Received: "
                f"num_warmup_steps={num_warmup_steps!r}, num_train_steps={num_train_steps!r}"
            )
        self.end_lr = _check_not_negative("end_lr", end_lr)
        self.poly_power = _check_not_negative("poly_power", poly_power)
        self.warmup_power = _check_not_negative("warmup_power", warmup_power)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        remaining = 1.0 - ops.minimum(step, self.num_train_steps) / self.num_train_steps
        decayed = (self.init_lr - self.end_lr) * ops.power(remaining, self.poly_power) + self.end_lr
        if self.num_warmup_steps == 0:
            return decayed
        warming = self.init_lr * ops.power(step / self.num_warmup_steps, self.warmup_power)
        return ops.where(step < self.num_warmup_steps, warming, decayed)

    def get_config(self):
        return {
            "init_lr": self.init_lr,
            "num_train_steps": self.num_train_steps,
            "num_warmup_steps": self.num_warmup_steps,
            "end_lr": self.end_lr,
            "poly_power": self.poly_power,
            "warmup_power": self.warmup_power,
        }


def _check_steps(name, value, least):
    """Returns `value` as an `int`: NumPy's integers and 94.0 are whole numbers too."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not float(value).is_integer() or value < least:
        raise ValueError(
            f"`{name}` must be a whole number of steps, {least} or more. Received: {name}={value!r}"
        )
    return int(value)


def _check_not_negative(name, value):
    if not value >= 0:
        raise ValueError(f"`{name}` must not be negative. Received: {name}={value!r}")
    return value
