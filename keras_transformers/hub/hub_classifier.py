"""A text classifier made of two models from TensorFlow Hub."""

from collections.abc import Sequence

import numpy as np

from keras_transformers.checkpoints.encoder_at_hand import ENCODER, PREPROCESSOR
from keras_transformers.hub.hub_layer import HubLayer
from keras_transformers.hub.hub_tokenizer import HubTokenizer
from keras_transformers.models.encoder_classifier import encoder_classifier
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.text.bert_inputs import INPUTS, bert_inputs
from keras_transformers.utils import check_class_names


def hub_classifier(
    preprocessor: str = PREPROCESSOR,
    encoder: str = ENCODER,
    num_classes: int = 4,
    *,
    trainable: bool = False,
    pooling: str = "pooled",
    rate: float = 0.1,
    class_names: Sequence[str] | None = None,
) -> TextClassifier:
    """Builds a text classifier of a BERT and its preprocessing model, both from TensorFlow Hub.

    With the small BERT that is the default and 4 classes it has 4,782,981 weights, of which 516
    are trained unless `trainable` is set.

    Args:
        preprocessor: the preprocessing model: an address, or a local SavedModel.
        encoder: the encoder that goes with it: an address, or a local SavedModel.
        num_classes: int, the number of classes, where `class_names` does not say.
        trainable: bool, whether the encoder's weights are trained too.
        pooling: `"pooled"` or `"mean"`, see `encoder_classifier`.
        rate: float in [0, 1), dropout in front of the last layer.
        class_names: optional, the name of each class.

    Returns:
        A `TextClassifier`: strings of shape `(batch,)` to class probabilities of shape
        `(batch, num_classes)`. A file it is saved to opens with `safe_mode=False` only, for a
        SavedModel runs code of its own.

    Raises:
        ValueError: if a SavedModel cannot be opened or is of another kind, if `pooling` is unknown,
            or two classes have one name.
    """
    tokenizer = HubTokenizer(preprocessor, name="tokenizer")
    bert = HubLayer(encoder, name="encoder")
    _check_bert(bert, "sequence_output" if pooling == "mean" else "pooled_output")
    if class_names is not None:
        class_names = check_class_names(class_names)
    classifier = encoder_classifier(
        bert,
        len(class_names) if class_names else num_classes,
        trainable=trainable,
        pooling=pooling,
        rate=rate,
    )
    return TextClassifier(tokenizer, classifier, class_names)


def _check_bert(layer, output):
    try:
        gives_it = output in layer(bert_inputs(np.ones((1, 1))))
    except Exception:  # A SavedModel raises what it likes to.
        gives_it = False
    if not gives_it:
        raise ValueError(
            f"`encoder` must be a BERT, from a dictionary of {', '.join(INPUTS)} to one with "
            f"{output}. Received: encoder={layer.handle!r}"
        )
