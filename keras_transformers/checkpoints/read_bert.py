"""A published BERT's settings and weights."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_transformers.checkpoints.bert_names import (
    ACTIVATIONS,
    ARGUMENTS,
    DISTILBERT_CONFIG,
    DISTILBERT_EPSILON,
    ENCODER,
    MASKED_LM,
    from_distilbert,
    named_head_weights,
    named_weights,
)
from keras_transformers.checkpoints.hugging_face import (
    check_encoder,
    check_tensors,
    complete_config,
    read_config,
    read_tensors,
)
from keras_transformers.checkpoints.read_saved_bert import read_saved_bert
from keras_transformers.utils import reading


@dataclass(frozen=True)
class BertCheckpoint:
    """What a published BERT consists of.

    Attributes:
        arguments: `BertEncoder`'s arguments.
        tensors: the encoder's tensors, under the names and in the shapes of Hugging Face's
            `BertModel`.
        masked_lm: the masked-language-modelling head's, as in Hugging Face's `BertForMaskedLM`
            without `cls.predictions.`: `transform.dense.weight`, `transform.dense.bias`,
            `transform.LayerNorm.weight`, `transform.LayerNorm.bias`, `bias` and, if the
            checkpoint repeats the token matrix, `decoder.weight`. Empty if there is no such head.
    """

    arguments: dict[str, Any]
    tensors: dict[str, np.ndarray]
    masked_lm: dict[str, np.ndarray]


def read_bert(directory: str | os.PathLike[str]) -> BertCheckpoint:
    """Reads a BERT or DistilBERT in Hugging Face's layout, or a BERT SavedModel of TensorFlow Hub.

    Args:
        directory: a local directory, such as `find_checkpoint` returns.

    Raises:
        FileNotFoundError: if the directory or a file in it is missing.
        ValueError: if the configuration is not a BERT encoder's, or not that of the tensors, or
            a file is damaged.

    Warns:
        UserWarning: if the model pads with another id than 0.
    """
    directory = Path(directory)
    is_saved_model = (directory / "saved_model.pb").is_file()
    with reading(directory):
        arguments, tensors = (read_saved_bert if is_saved_model else _read_hugging_face)(directory)
    return BertCheckpoint(
        arguments=arguments | {"pooler": any(name.startswith("pooler.") for name in tensors)},
        tensors={n: tensor for n, tensor in tensors.items() if not n.startswith(MASKED_LM)},
        masked_lm={
            n.removeprefix(MASKED_LM): tensor
            for n, tensor in tensors.items()
            if n.startswith(MASKED_LM)
        },
    )


def _read_hugging_face(directory):
    config, tensors = read_config(directory), read_tensors(directory)
    if config.get("model_type") == "distilbert":
        config = _as_bert(config)
        tensors = {from_distilbert(name): tensor for name, tensor in tensors.items()}
    else:
        config = complete_config(config)
    # Of the integers none is a weight, nor are the tables of position and type ids, which some
    # checkpoints have as floats.
    tensors = {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith((*ENCODER, MASKED_LM))
        and tensor.dtype.kind == "f"
        and not name.endswith("_ids")
    }
    check_encoder({n: t for n, t in tensors.items() if not n.startswith(MASKED_LM)}, config)
    return _arguments(config), tensors


def _as_bert(config):
    """Returns a DistilBERT's configuration under BERT's names."""
    missing = [name for name in DISTILBERT_CONFIG if name not in config]
    if missing:
        raise ValueError(
            f"A DistilBERT's config.json must have {', '.join(missing)}. Received: {sorted(config)}"
        )
    return {
        "pad_token_id": config.get("pad_token_id"),
        "type_vocab_size": 0,
        "layer_norm_eps": DISTILBERT_EPSILON,
        **{bert: config[distilbert] for distilbert, bert in DISTILBERT_CONFIG.items()},
    }


def _arguments(config):
    activation = config["hidden_act"]
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"`hidden_act` must be one of {', '.join(ACTIVATIONS)}. Received: {activation!r}"
        )
    if config.get("pad_token_id") not in (None, 0):
        warnings.warn(
            f"This model pads with id {config['pad_token_id']}. Give `input_mask` in every call: "
            "left out, only id 0 counts as padding.",
            stacklevel=5,
        )
    arguments = {argument: config[name] for argument, name in ARGUMENTS.items()}
    return arguments | {"activation": ACTIVATIONS[activation]}


def assign_tensors(encoder: keras.Model, tensors: dict[str, np.ndarray]) -> None:
    """Gives a `BertEncoder` the weights of a checkpoint, `BertCheckpoint.tensors`.

    Raises:
        ValueError: if tensors are missing, surplus or of another shape; the message names them.
    """
    _assign(named_weights(encoder), tensors)


def assign_masked_lm(head: keras.layers.Layer, tensors: dict[str, np.ndarray]) -> None:
    """Gives a `MaskedLMHead` the weights of a checkpoint, `BertCheckpoint.masked_lm`.

    A `decoder.weight` is left alone: it repeats the token matrix, which the head shares.

    Raises:
        ValueError: if tensors are missing, surplus or of another shape; the message names them.
    """
    tensors = {MASKED_LM + n: t for n, t in tensors.items() if not n.startswith("decoder.")}
    _assign(named_head_weights(head), tensors)


def _assign(weights, tensors):
    variables = {name: variable for name, (_, variable) in weights.items()}
    is_kernel = {name: variable.name == "kernel" for name, variable in variables.items()}
    shapes = {name: v.shape[::-1] if is_kernel[name] else v.shape for name, v in variables.items()}
    check_tensors(tensors, shapes)
    for name, variable in variables.items():
        variable.assign(tensors[name].T if is_kernel[name] else tensors[name])
