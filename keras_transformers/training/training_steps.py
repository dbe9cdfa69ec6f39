"""The number of steps in a training run."""

import math
import warnings
from numbers import Integral

from keras_transformers.utils import check_positive


def training_steps(
    rows: int, batch_size: int, epochs: int, warmup: float | int = 0.1
) -> tuple[int, int]:
    r"""Returns how many steps training takes, and how many of them are warm-up.

    A step is a batch; the last, smaller batch of an epoch is one too:

    \[ N = \lceil \mathrm{rows} / \mathrm{batch\_size} \rceil \cdot \mathrm{epochs} \]

    Batches by length can have one smaller batch for each length: count those as they come.

    Args:
        rows: int, the number of training examples.
        batch_size: int, the number of examples in a batch.
        epochs: int, the number of times training goes through them.
        warmup: float in [0, 1), the share of all steps that is warm-up, rounded down to whole
            steps; or int, the number of steps of warm-up.

    Returns:
        Two ints, the `num_train_steps` and `num_warmup_steps` of `create_optimizer`.

    Raises:
        ValueError: if `rows`, `batch_size` or `epochs` is not a positive integer, or `warmup` is
            neither a fraction nor a number of steps.

    Warns:
        UserWarning: if warm-up is longer than training.

    Example:
        >>> from keras_transformers.training import training_steps
        >>> training_steps(rows=30_000, batch_size=32, epochs=3)
        (2814, 281)
    """
    batches = math.ceil(check_positive("rows", rows) / check_positive("batch_size", batch_size))
    steps = batches * check_positive("epochs", epochs)
    is_count = isinstance(warmup, Integral)
    if isinstance(warmup, bool) or not 0 <= warmup < (math.inf if is_count else 1):
        raise ValueError(
            "`warmup` must be a share of training in the interval [0, 1) or a whole number of "
            f"steps, 0 or more. Received: warmup={warmup!r}"
        )
    if not is_count:
        return steps, int(warmup * steps)
    if warmup > steps:
        warnings.warn(
            f"Warm-up ({warmup} steps) is longer than training ({steps} steps): the learning rate "
            f"would end at {steps / warmup:.1%} of its peak. A step is a batch, not a row.",
            stacklevel=2,
        )
    return steps, int(warmup)
