"""Which BERT to take where none is named."""

from keras_transformers.checkpoints.find_checkpoint import NEWS_SMALL_BERT, find_checkpoint

# The small BERT on TensorFlow Hub and its preprocessing model, and BERT on Hugging Face.
PREPROCESSOR = "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"
ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
HUGGING_FACE_BERT = "google-bert/bert-base-uncased"


def encoder_at_hand(encoder: str, *needed: str) -> str:
    """Returns a published encoder where it can be had, else the one that comes with the package.

    Prints one line that says which, and why.

    Args:
        encoder: a name on Hugging Face or an address on TensorFlow Hub.
        *needed: what else it takes, such as its preprocessing model.

    Returns:
        `encoder` or `"news-small-bert"`.
    """
    try:
        for handle in (encoder, *needed):
            find_checkpoint(handle)
    except FileNotFoundError:
        print(
            f"Encoder: {NEWS_SMALL_BERT}, pre-trained on news, which comes with the package and "
            f"stands in for {encoder}, for that is neither on disk nor can it be downloaded",
            flush=True,
        )
        return NEWS_SMALL_BERT
    print(f"Encoder: {encoder}, pre-trained", flush=True)
    return encoder
