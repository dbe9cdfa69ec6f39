"""`HubLayer` with the arguments of Keras 2's `KerasLayer`, and called with plain strings."""

import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.hub import HubLayer


@pytest.fixture(scope="module")
def handle(tmp_path_factory):
    """A SavedModel from strings to their lengths."""
    module = tf.Module()
    module.__call__ = tf.function(
        lambda texts: tf.cast(tf.strings.length(texts), tf.float32)[:, None],
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    directory = str(tmp_path_factory.mktemp("hub") / "lengths")
    tf.saved_model.save(module, directory)
    return directory


def test_says_where_the_inputs_belong(handle):
    with pytest.raises(ValueError, match=r"a layer of its own: keras\.Sequential\(\[keras\.Input"):
        HubLayer(handle, input_shape=[], dtype="string")


@pytest.mark.parametrize("texts", [["a", "three"], ("a", "three"), np.array(["a", "three"])])
def test_takes_plain_strings(handle, texts):
    assert HubLayer(handle)(texts).numpy().tolist() == [[1.0], [5.0]]
