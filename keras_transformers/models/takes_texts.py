"""What models that take strings have in common."""

import os
from typing import Any

import keras


class TakesTexts:
    """A `keras.Model` from strings of shape `(batch,)`."""

    def export(
        self,
        filepath: str | os.PathLike[str],
        *arguments: Any,
        input_signature: Any = None,
        **options: Any,
    ) -> None:
        """Exports a SavedModel that takes strings of shape `(batch,)`; see `keras.Model.export`."""
        signature = input_signature or [keras.InputSpec("string", (None,))]
        super().export(filepath, *arguments, input_signature=signature, **options)
