"""A classifier with its tokeniser in front."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_transformers.data.tf_data import of_few_shapes, without_tuning
from keras_transformers.models.check_sizes import check_sizes
from keras_transformers.models.takes_texts import TakesTexts
from keras_transformers.utils import check_class_names, check_positive, check_texts


@keras.saving.register_keras_serializable(package="keras_transformers")
class TextClassifier(TakesTexts, keras.Model):
    """Classifies texts: a tokeniser, and the classifier that takes what it gives.

    Vocabulary, weights and class names are all in the one `.keras` file it is saved to.

    Args:
        tokenizer: a Keras layer from strings of shape `(batch,)` to the classifier's inputs.
        classifier: a `keras.Model` to class probabilities of shape `(batch, num_classes)`.
        class_names: the name of each class; None names them by number.
        **kwargs: `name` and the other arguments of `keras.Model`.

    Call arguments:
        texts: string tensor of shape `(batch,)`.
        training: optional bool, whether dropout is on.

    Returns:
        Class probabilities, float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: if there are not as many names as the classifier has classes, two classes have
            one name, or texts could have ids or positions that the classifier has no vectors for.

    Example:
        >>> import tensorflow as tf
        >>> from keras_transformers.models import TextClassifier, transformer_classifier
        >>> from keras_transformers.text import WordVectorizer
        >>> vectorizer = WordVectorizer(vocab_size=20_000, maxlen=256)
        >>> vectorizer.adapt(["shares fell", "the home side won"])
        >>> classifier = transformer_classifier(num_classes=2)
        >>> model = TextClassifier(vectorizer, classifier, ["Business", "Sports"])
        >>> model(tf.constant(["the shares won"])).shape
        TensorShape([1, 2])
    """

    def __init__(
        self,
        tokenizer: keras.layers.Layer,
        classifier: keras.Model,
        class_names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tokenizer = tokenizer
        self.classifier = classifier
        num_classes = classifier.output_shape[-1]
        self.class_names = check_class_names(
            range(num_classes) if class_names is None else class_names
        )
        if len(self.class_names) != num_classes:
            raise ValueError(
                f"`class_names` must name the classifier's {num_classes} classes. "
                f"Received: {self.class_names}"
            )
        check_sizes(tokenizer, classifier)
        self.built = True  # The tokeniser and the classifier come built.

    def call(self, texts, training=None):
        return self.classifier(self.tokenizer(texts), training=training)

    def compute_output_spec(self, texts, training=None):
        return keras.KerasTensor((texts.shape[0], len(self.class_names)), dtype="float32")

    def predict_texts(self, texts: Sequence[str], batch_size: int = 128) -> np.ndarray:
        """Returns the class probabilities of texts, float32 of shape `(len(texts), num_classes)`.

        Texts of like length share a batch, so that little of it is padding. The rows are in the
        order of the texts, whatever holds them; an index of theirs plays no part.

        Raises:
            ValueError: if `texts` is a single string or holds something that is no string, or
                `batch_size` is not a positive integer.
        """
        import tensorflow as tf

        texts, batch_size = check_texts(texts), check_positive("batch_size", batch_size)
        if not texts:
            return np.zeros((0, len(self.class_names)), dtype="float32")
        order = np.argsort([len(text) for text in texts], kind="stable")
        ordered = tf.data.Dataset.from_tensor_slices([texts[row] for row in order])
        batches = without_tuning(ordered.batch(batch_size))
        model = self
        if keras.backend.backend() != "tensorflow":  # the others compute with no strings
            batches, model = of_few_shapes(batches.map(self.tokenizer)), self.classifier
        probabilities = np.empty((len(texts), len(self.class_names)), dtype="float32")
        probabilities[order] = model.predict(batches, verbose=0)
        return probabilities

    def get_config(self):
        return {
            "name": self.name,
            "tokenizer": keras.saving.serialize_keras_object(self.tokenizer),
            "classifier": keras.saving.serialize_keras_object(self.classifier),
            "class_names": list(self.class_names),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        for part in ("tokenizer", "classifier"):
            config[part] = keras.saving.deserialize_keras_object(config[part], custom_objects)
        return cls(**config)
