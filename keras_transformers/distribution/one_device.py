"""A training or a computation left on one device."""

import contextlib
from typing import TYPE_CHECKING, Any

import keras

if TYPE_CHECKING:
    import tensorflow as tf


class OneDevice(contextlib.AbstractContextManager["OneDevice", None]):
    """Leaves everything where it is; what spreads a model does more, by the same names."""

    def __exit__(self, *_: object) -> None:
        pass

    def batches(
        self, dataset: "tf.data.Dataset[Any]"
    ) -> "tf.data.Dataset[Any] | keras.utils.PyDataset":
        """Returns what `keras.Model.fit` takes instead of a dataset."""
        return dataset

    def rows(self, values: Any) -> Any:
        """Returns the arrays of one batch where they are computed with."""
        return values
