"""The BERT that the notebooks work with."""

import os
from collections.abc import Sequence
from pathlib import Path

from keras_transformers.hub.bert_pair import bert_pair
from keras_transformers.hub.export_to_hub import export_to_hub

PREPROCESSOR = "https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3"
ENCODER = "https://tfhub.dev/tensorflow/small_bert/bert_en_uncased_L-4_H-128_A-2/1"
VARIABLE = "KERAS_TRANSFORMERS_ENCODER"


# The configuration of the encoder above.
SMALL_BERT = {
    "model_type": "bert",
    "vocab_size": 30_522,
    "num_hidden_layers": 4,
    "hidden_size": 128,
    "num_attention_heads": 2,
    "intermediate_size": 512,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}


def lesson_bert(directory: str | os.PathLike, texts: Sequence[str]) -> tuple[str, str]:
    """Returns the best BERT at hand for the notebooks, and prints which one it is.

    That is the one that the environment variable `KERAS_TRANSFORMERS_ENCODER` names, anything
    that `bert_pair` takes as an encoder; else the small BERT on TensorFlow Hub; else, without the
    internet, one of that size with random weights, whose vocabulary is the words of `texts`. Models
    made on the way are kept in `directory`.

    Returns:
        The handles of the preprocessing model and of the encoder.

    Raises:
        FileNotFoundError, ValueError: if what the environment variable names cannot be opened.
    """
    if named := os.environ.get(VARIABLE):
        print(f"Encoder: {Path(named).name}, pre-trained")
        return bert_pair(named, None, directory)
    from keras_transformers.checkpoints.hub_handle import load_saved_model

    try:
        for handle in (PREPROCESSOR, ENCODER):
            load_saved_model(handle)
        print(f"Encoder: {ENCODER}, pre-trained")
        return PREPROCESSOR, ENCODER
    except ValueError:
        print(
            "Encoder: a small BERT with RANDOM weights stands in, for TensorFlow Hub cannot be "
            f"reached. Set {VARIABLE} to a pre-trained one."
        )
        return bert_pair(_random_bert(Path(directory) / "random-bert", texts), None, directory)


def _random_bert(directory, texts):
    if not directory.is_dir():
        from keras_transformers.text import WordVectorizer

        words = WordVectorizer(vocab_size=8_000, maxlen=1)
        words.adapt(texts)
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        vocabulary = special + [word for word in words.vocabulary[2:] if word not in special]
        directory.parent.mkdir(parents=True, exist_ok=True)
        file = directory.parent / "vocab.txt"
        file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        config = SMALL_BERT | {"vocab_size": len(vocabulary), "initializer_range": 0.1}
        export_to_hub(config, directory, vocab_file=file)
    return directory
