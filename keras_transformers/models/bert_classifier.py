"""A text classifier on a BERT of our own blocks."""

from collections.abc import Sequence
from os import PathLike

from keras_transformers.checkpoints.find_checkpoint import find_checkpoint
from keras_transformers.models.bert_encoder import BertEncoder
from keras_transformers.models.encoder_classifier import encoder_classifier
from keras_transformers.models.text_classifier import TextClassifier
from keras_transformers.text.word_piece_tokenizer import WordPieceTokenizer
from keras_transformers.utils import check_class_names

MAX_LENGTH = 128


def bert_classifier(
    encoder: str | PathLike[str] | BertEncoder,
    num_classes: int = 4,
    *,
    trainable: bool = False,
    pooling: str = "pooled",
    rate: float = 0.1,
    max_length: int | None = None,
    tokenizer: WordPieceTokenizer | None = None,
    class_names: Sequence[str] | None = None,
) -> TextClassifier:
    """Builds a text classifier on a pre-trained BERT, all of it native Keras layers.

    Unlike that of `hub_classifier`, the file it is saved to holds no code, so it opens without
    `safe_mode=False`, and its dropout can be repeated from a seed.

    Args:
        encoder: what `BertEncoder.from_pretrained` takes, a Hugging Face name or directory or a
            BERT of TensorFlow Hub, whose tokeniser is then opened with it; or a `BertEncoder`.
        num_classes: int, the number of classes, where `class_names` does not say.
        trainable: bool, whether the encoder's weights are trained too.
        pooling: `"pooled"` or `"mean"`, see `encoder_classifier`.
        rate: float in [0, 1), dropout in front of the last layer.
        max_length: int, at least 3, longer texts are cut to that many tokens. None means as many
            as the encoder has positions, at most 128.
        tokenizer: the `WordPieceTokenizer` that goes with a `BertEncoder`; its own `max_length`
            counts.
        class_names: optional, the name of each class.

    Returns:
        A `TextClassifier`: strings of shape `(batch,)` to class probabilities of shape
        `(batch, num_classes)`.

    Raises:
        FileNotFoundError: if the checkpoint or its vocabulary cannot be found or downloaded.
        ValueError: if it is no BERT, if texts could get longer than the encoder's positions, if
            the tokeniser has more pieces than the encoder has vectors, if a `BertEncoder` comes
            without its tokeniser, if `pooling` is unknown, or two classes have one name.
    """
    if not isinstance(encoder, BertEncoder):
        directory = find_checkpoint(encoder)
        encoder = BertEncoder.from_checkpoint(directory, name="encoder")
        if max_length is None:
            max_length = min(MAX_LENGTH, encoder.max_positions)
        tokenizer = tokenizer or WordPieceTokenizer.from_checkpoint(
            directory, max_length=max_length, name="tokenizer"
        )
    if tokenizer is None:
        raise ValueError(
            "`tokenizer` must be the WordPieceTokenizer that goes with the encoder. Received: None"
        )
    if class_names is not None:
        class_names = check_class_names(class_names)
    classifier = encoder_classifier(
        encoder,
        len(class_names) if class_names else num_classes,
        trainable=trainable,
        pooling=pooling,
        rate=rate,
    )
    return TextClassifier(tokenizer, classifier, class_names)
