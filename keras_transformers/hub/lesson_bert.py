"""The BERT that the notebooks work with."""

import os
from pathlib import Path
from typing import Any

from keras_transformers.hub.bert_pair import bert_pair

VARIABLE = "KERAS_TRANSFORMERS_ENCODER"


# The configuration of the small BERT on TensorFlow Hub.
SMALL_BERT: dict[str, Any] = {
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


def lesson_bert(directory: str | os.PathLike[str]) -> tuple[str, str]:
    """Returns the best BERT at hand for the notebooks, and prints which one it is.

    That is the one that the environment variable `KERAS_TRANSFORMERS_ENCODER` names, anything
    that `bert_pair` takes as an encoder, else the one that `bert_pair` takes by itself. Models made
    on the way are kept in `directory`.

    Returns:
        The handles of the preprocessing model and of the encoder.

    Raises:
        FileNotFoundError, ValueError: if what the environment variable names cannot be opened.
    """
    named = os.environ.get(VARIABLE)
    if named:
        print(f"Encoder: {Path(named).name}, pre-trained")
    return bert_pair(named, None, directory)
