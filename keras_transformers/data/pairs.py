"""Sentence pairs in three parts."""

import dataclasses


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

    def __str__(self) -> str:
        return (
            f"{self.source}: {len(self.train_sources):,} training, "
            f"{len(self.valid_sources):,} validation and {len(self.test_sources):,} test pairs"
        )
