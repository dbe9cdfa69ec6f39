"""Sentence pairs in three parts."""

import dataclasses

from keras_transformers.utils import check_texts


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Texts and what they are to be turned into: a training, a validation and a test part.

    Attributes:
        train_sources: list of str.
        train_targets: list of str, one for each of the sources, as in the other parts.
        valid_sources: list of str.
        valid_targets: list of str.
        test_sources: list of str.
        test_targets: list of str.
        source: str, where the pairs came from.
        unit: str, what a token of them best is, a `"subword"`, a `"character"` or a `"word"`.
    """

    train_sources: list[str]
    train_targets: list[str]
    valid_sources: list[str]
    valid_targets: list[str]
    test_sources: list[str]
    test_targets: list[str]
    source: str
    unit: str = "subword"

    def __post_init__(self) -> None:
        # Taken by position from here on, whatever holds them.
        for part in ("train", "valid", "test"):
            sources = check_texts(getattr(self, f"{part}_sources"))
            targets = check_texts(getattr(self, f"{part}_targets"))
            if len(sources) != len(targets):
                raise ValueError(
                    f"`{part}_targets` must hold one target for each of the sources. "
                    f"Received: {len(targets)} targets, {len(sources)} sources"
                )
            object.__setattr__(self, f"{part}_sources", sources)
            object.__setattr__(self, f"{part}_targets", targets)

    def __str__(self) -> str:
        return (
            f"{self.source}: {len(self.train_sources):,} training, "
            f"{len(self.valid_sources):,} validation and {len(self.test_sources):,} test pairs"
        )
