"""The settings of each training: names, defaults, limits and meanings, in one place.

Options of the command line, checks, a run's record and what resuming compares come from here.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """What values a setting takes."""

    parse: Callable[[str], Any]
    allows: Callable[[Any], bool]
    expected: str
    metavar: str


POSITIVE_INT = Kind(int, lambda n: n >= 1, "a positive integer", "N")
NATURAL = Kind(int, lambda n: n >= 0, "an integer of at least 0", "N")
SHARE = Kind(float, lambda x: 0 <= x < 1, "a number in [0, 1)", "P")
POSITIVE = Kind(float, lambda x: 0 < x < math.inf, "a positive number", "RATE")
NOT_NEGATIVE = Kind(float, lambda x: 0 <= x < math.inf, "a number of at least 0", "W")


def setting(
    default: Any, kind: Kind | tuple[str, ...] | type, text: str, default_text: str | None = None
) -> Any:
    """Declares a setting: its default, its kind (or choices, or `bool`) and its help text."""
    told = default if default_text is None else default_text
    return dataclasses.field(
        default=default, metadata={"kind": kind, "help": f"{text} (default: {told})"}
    )


class _Checked:
    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            kind, value = field.metadata["kind"], getattr(self, field.name)
            if kind is bool or (value is None and field.default is None):
                continue
            check = _check if isinstance(kind, Kind) else _check_choice
            check(field.name, value, kind)

    def record(self) -> dict[str, Any]:
        """Returns the settings as a dict, for `metrics.json` and to compare when resuming."""
        return dataclasses.asdict(self)


def _check(name, value, kind):
    numbers = int if kind.parse is int else int | float
    if isinstance(value, bool) or not isinstance(value, numbers) or not kind.allows(value):
        raise ValueError(f"`{name}` must be {kind.expected}. Received: {name}={value!r}")


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}"
        )


@dataclasses.dataclass(frozen=True)
class FromScratch(_Checked):
    """Settings of `train_from_scratch`; the sizes are those of `transformer_classifier`."""

    epochs: int | None = setting(
        None,
        POSITIVE_INT,
        "passes over the training texts",
        "as many as make 150 steps, which for AG News is 1",
    )
    batch_size: int = setting(128, POSITIVE_INT, "texts in a batch")
    seed: int = setting(0, NATURAL, "random seed")
    jit: bool = setting(False, bool, "compile the training step with XLA", "off")
    vocab_size: int = setting(20_000, POSITIVE_INT, "different word ids")
    maxlen: int = setting(256, POSITIVE_INT, "words of a text that are read")
    embed_dim: int = setting(32, POSITIVE_INT, "length of the vectors")
    num_heads: int = setting(2, POSITIVE_INT, "attention heads in a block")
    ff_dim: int = setting(32, POSITIVE_INT, "hidden width of the feed-forward networks")
    num_blocks: int = setting(1, POSITIVE_INT, "Transformer blocks")
    rate: float = setting(0.1, SHARE, "dropout")


@dataclasses.dataclass(frozen=True)
class Head(_Checked):
    """Settings of a classifier's part behind its BERT."""

    pooling: str = setting(
        "mean",
        ("pooled", "mean"),
        "what stands for a text: BERT's pooled output, or the mean over its tokens",
    )
    rate: float = setting(0.1, SHARE, "dropout")
    mixed_precision: str | None = setting(
        None,
        ("float16", "bfloat16"),
        "compute in this type and keep the weights in float32",
        "compute in float32",
    )


@dataclasses.dataclass(frozen=True)
class Reading(_Checked):
    """How much of a text a BERT of our own blocks reads."""

    max_length: int | None = setting(
        None,
        Kind(int, lambda n: n >= 3, "an integer of at least 3", "N"),
        "word pieces of a text that are read",
        "as many as the encoder has positions, at most 128",
    )


@dataclasses.dataclass(frozen=True)
class Frozen(_Checked):
    """Settings of `train_frozen`."""

    epochs: int = setting(20, POSITIVE_INT, "passes over the training texts")
    batch_size: int = setting(128, POSITIVE_INT, "texts in a batch")
    learning_rate: float = setting(0.01, POSITIVE, "the highest learning rate")
    seed: int = setting(0, NATURAL, "random seed")


@dataclasses.dataclass(frozen=True)
class FineTuning(_Checked):
    """Settings of `fine_tune`."""

    epochs: int = setting(3, POSITIVE_INT, "passes over the training texts")
    batch_size: int = setting(32, POSITIVE_INT, "texts in a batch")
    learning_rate: float = setting(3e-5, POSITIVE, "the highest learning rate")
    seed: int = setting(0, NATURAL, "random seed")
    warmup: float = setting(0.1, SHARE, "the share of the steps in which the rate rises")
    weight_decay: float = setting(0.01, NOT_NEGATIVE, "the decoupled weight decay")
    validation_split: float = setting(
        0.1, SHARE, "the share of the training texts to choose the best epoch by"
    )
    head_epochs: int = setting(
        0,
        NATURAL,
        "passes in which only the softmax layer is trained, on features computed once, before the "
        "others",
    )
    jit: bool = setting(False, bool, "compile the training step with XLA", "off")


@dataclasses.dataclass(frozen=True)
class Translation(_Checked):
    """Settings of `train_translator`."""

    model: str = setting(
        "transformer",
        ("rnn", "rnn-attention", "transformer"),
        "what translates: a recurrent encoder-decoder, one with attention, or a Transformer",
    )
    epochs: int = setting(10, POSITIVE_INT, "passes over the training pairs")
    batch_size: int = setting(64, POSITIVE_INT, "pairs in a batch")
    learning_rate: float = setting(1e-3, POSITIVE, "the highest learning rate")
    warmup: float = setting(0.1, SHARE, "the share of the steps in which the rate rises")
    seed: int = setting(0, NATURAL, "random seed")
    unit: str | None = setting(
        None,
        ("subword", "character", "word"),
        "what a token is",
        "characters for the dates, words for the reversal, else subwords",
    )
    vocab_size: int = setting(6000, POSITIVE_INT, "different tokens in a vocabulary")
    shared_vocabulary: bool = setting(
        False, bool, "make one vocabulary of both sides", "one for each side"
    )
    embed_dim: int = setting(128, POSITIVE_INT, "length of the vectors")
    units: int = setting(256, POSITIVE_INT, "length of a recurrent network's states")
    num_heads: int = setting(4, POSITIVE_INT, "attention heads in a block of a Transformer")
    ff_dim: int = setting(512, POSITIVE_INT, "hidden width of its feed-forward networks")
    num_blocks: int = setting(2, POSITIVE_INT, "its blocks, in the encoder and in the decoder")
    positions: str = setting(
        "sinusoidal", ("sinusoidal", "trained"), "how it knows where a token stands"
    )
    rate: float = setting(0.1, SHARE, "dropout")
    label_smoothing: float = setting(
        0.1, SHARE, "the share of the target that is spread over all tokens"
    )
    max_length: int = setting(
        128, POSITIVE_INT, "tokens of a sentence; longer ones are not trained on"
    )


@dataclasses.dataclass(frozen=True)
class Pretraining(_Checked):
    """Settings of `pretrain`."""

    size: str = setting(
        "small",
        ("tiny", "mini", "small"),
        "2 layers of 64 numbers, 2 layers of 128, or 4 layers of 128 as in TensorFlow Hub's "
        "small BERT",
    )
    vocab_size: int = setting(8000, POSITIVE_INT, "word pieces to learn")
    steps: int = setting(
        5000, POSITIVE_INT, "training steps, of which each is a batch; counted in whole hundreds"
    )
    batch_size: int = setting(128, POSITIVE_INT, "texts in a batch")
    learning_rate: float = setting(1e-3, POSITIVE, "the highest learning rate")
    warmup: float = setting(0.1, SHARE, "the share of the steps in which the rate rises")
    seed: int = setting(0, NATURAL, "random seed")
    max_length: int = setting(
        128,
        Kind(int, lambda n: n >= 3, "an integer of at least 3", "N"),
        "pieces of a text that are seen together; longer texts are divided",
    )
    whole_words: bool = setting(False, bool, "mask all pieces of a word together", "off")
    rate: float = setting(0.0, SHARE, "dropout")
    mixed_precision: str | None = setting(
        None,
        ("float16", "bfloat16"),
        "compute in this type and keep the weights in float32",
        "compute in float32",
    )
