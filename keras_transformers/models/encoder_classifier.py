"""A classifier on top of a BERT."""

import keras

from keras_transformers.layers import MaskedAveragePooling1D
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.text.bert_inputs import INPUTS

POOLINGS = ("pooled", "mean")


def encoder_classifier(
    encoder: keras.layers.Layer,
    num_classes: int = 4,
    *,
    trainable: bool = False,
    pooling: str = "pooled",
    rate: float = 0.1,
) -> keras.Model:
    """Builds a classifier of two parts: `features`, an encoder with pooling, and `head`.

    The two are sub-models, `model.get_layer("features")` and `model.get_layer("head")`, so that
    the features of a frozen encoder can be computed once and the head trained on them alone
    (see `keras_transformers.training.cached_features`).

    Args:
        encoder: a layer from the dict of a BERT's inputs to a dict with `pooled_output`, floats
            of shape `(batch, hidden_size)`, and `sequence_output`, `(batch, length,
            hidden_size)`.
        num_classes: int, the number of classes.
        trainable: bool, whether the encoder's weights are trained too.
        pooling: `"pooled"` takes `pooled_output`, which BERT computes from the first token
            (Devlin et al., 2019, arXiv 1810.04805, section 3.2); `"mean"` averages
            `sequence_output` over the tokens.
        rate: float in [0, 1), dropout in front of the last layer.

    Returns:
        A `keras.Model` from a dict of int32 tensors of shape `(batch, length)`,
        `input_word_ids`, `input_mask` and `input_type_ids`, to class probabilities, float32 of
        shape `(batch, num_classes)`.

    Raises:
        ValueError: if `pooling` is neither of the two.
    """
    encoder.trainable = trainable
    features = encoder_features(encoder, pooling)
    head = classification_head(features.output_shape[-1], num_classes, rate)
    inputs = features.input
    return keras.Model(inputs, head(features(inputs)), name="encoder_classifier")


def encoder_features(encoder: keras.layers.Layer, pooling: str) -> keras.Model:
    """Builds the part `features` of an `encoder_classifier`, which reduces a text to a vector.

    The arguments are those of `encoder_classifier`; the result is `(batch, hidden_size)`.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"`pooling` must be one of {POOLINGS}. Received: pooling={pooling!r}")
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS}
    if pooling == "pooled":
        # A SavedModel computes all positions, whatever becomes of them.
        options = {"first_only": True} if isinstance(encoder, BertEncoder) else {}
        vectors = encoder(inputs, **options)["pooled_output"]
    else:
        mask = inputs["input_mask"] != 0
        vectors = MaskedAveragePooling1D(name="pooling")(
            encoder(inputs)["sequence_output"], mask=mask
        )
    return keras.Model(inputs, vectors, name="features")


def classification_head(dim: int, num_classes: int, rate: float) -> keras.Model:
    """Builds dropout and a softmax layer: floats of shape `(batch, dim)` to probabilities."""
    return keras.Sequential(
        [
            keras.Input((dim,)),
            keras.layers.Dropout(rate, name="dropout"),
            # float32 under mixed precision too, for the loss' logarithm.
            keras.layers.Dense(
                num_classes, activation="softmax", dtype="float32", name="probabilities"
            ),
        ],
        name="head",
    )
