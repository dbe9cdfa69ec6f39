"""The features of a BERT SavedModel, computed in this library's own blocks."""

import keras
import numpy as np

from keras_transformers.hub.hub_layer import HubLayer
from keras_transformers.layers import MaskedAveragePooling1D
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.models.encoder_classifier import encoder_features

_OUTPUTS = ("sequence_output", "pooled_output")
_TOLERANCE = 1e-4


def native_features(features: keras.Model, sample: dict[str, np.ndarray]) -> keras.Model:
    """Rebuilds the part `features` of an `encoder_classifier` with a BERT SavedModel in it.

    A `BertEncoder` of the same weights computes the same in less time, in the dtype that the
    `HubLayer` is to give; a SavedModel itself knows float32 alone. The two are compared on
    `sample`, a dict of BERT's inputs without padding. Returns `features` itself where there is no
    SavedModel in it, or one of another kind, or with other weights or results than in its file.
    """
    hub = next((layer for layer in features.layers if isinstance(layer, HubLayer)), None)
    encoder = None if hub is None else _native_encoder(hub, sample)
    if encoder is None:
        return features
    averages = any(isinstance(layer, MaskedAveragePooling1D) for layer in features.layers)
    return encoder_features(encoder, "mean" if averages else "pooled")


def _native_encoder(hub, sample):
    try:
        encoder = BertEncoder.from_pretrained(hub.handle, dtype="float32")
    except (OSError, ValueError):
        return None
    values = {weight.numpy().tobytes() for weight in hub.weights}
    if not all(weight.numpy().tobytes() in values for weight in encoder.weights):
        return None
    given, expected = encoder(sample), hub.run(sample)
    names = [name for name in _OUTPUTS if name in expected]
    if not all(np.allclose(given[name], expected[name], atol=_TOLERANCE) for name in names):
        return None
    if hub.compute_dtype == "float32":
        return encoder
    half = BertEncoder.from_config(encoder.get_config() | {"dtype": hub.dtype_policy})
    half.build()
    half.set_weights(encoder.get_weights())
    return half
