"""What models that take strings have in common."""

import os
from typing import Any

import keras


class TakesTexts:
    """A `keras.Model` from strings of shape `(batch,)`: tokenisers, and a `keras.Model` of ids."""

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

    def quantize(self, *arguments: Any, **options: Any) -> None:
        """Quantizes the model within; see `keras.Model.quantize`.

        The optimizer's variables, which do not go with it any more, are dropped.
        """
        for part in self.layers:
            if isinstance(part, keras.Model):  # Tokenisers have no weights.
                part.quantize(*arguments, **options)
                part.optimizer, part.compiled = None, False
        self.train_function = self.test_function = self.predict_function = None
