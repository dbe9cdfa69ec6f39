"""A BERT in Hugging Face's layout."""

import json
import os
import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from keras_transformers.checkpoints.bert_names import (
    ACTIVATIONS,
    ARGUMENTS,
    DISTILBERT_CONFIG,
    DISTILBERT_EPSILON,
    MASKED_LM,
    named_head_weights,
    named_weights,
    to_distilbert,
)
from keras_transformers.utils import UNFINISHED


def write_bert(
    encoder: keras.Model,
    directory: str | os.PathLike[str],
    *,
    head: keras.layers.Layer | None = None,
    dtype: str = "float32",
) -> None:
    """Writes a `BertEncoder` as `config.json` and `model.safetensors`; see `save_pretrained`.

    Args:
        encoder: the `BertEncoder`.
        directory: made if it does not exist.
        head: optional, the `MaskedLMHead` that it was trained with.
        dtype: the type of all tensors, `"float32"` or `"float16"`.

    Raises:
        ValueError: if the layout cannot hold the encoder: an activation that it has no name for,
            or no segments together with a head, a pooler or another epsilon than 1e-12; if the
            directory holds a checkpoint in shards, which some readers prefer to the new file; if
            the encoder is quantized; or if `dtype` is neither of the two.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    directory = Path(directory)
    if dtype not in ("float32", "float16"):
        raise ValueError(f"`dtype` must be 'float32' or 'float16'. Received: {dtype=}")
    config, rename = _layout(encoder, head, dtype)
    index = directory / "model.safetensors.index.json"
    if index.exists():
        raise ValueError(
            f"`directory` must not hold a checkpoint in shards. Received: one with {index.name}"
        )
    weights = named_weights(encoder) | (named_head_weights(head) if head else {})
    tensors = {
        rename(name): np.ascontiguousarray(_as_saved(layer, variable.name, dtype))
        for name, (layer, variable) in weights.items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=directory) as unfinished:
        # Hugging Face's readers want to know which framework's shapes these are.
        try:
            save_file(tensors, Path(unfinished, "model.safetensors"), metadata={"format": "pt"})
        except SafetensorError as error:
            raise OSError(f"{directory}: could not be written: {error}") from error
        Path(unfinished, "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        for file in ("model.safetensors", "config.json"):
            os.replace(Path(unfinished, file), directory / file)


def _as_saved(layer, name, dtype):
    if getattr(layer, "quantization_mode", None):
        raise ValueError(
            f"`encoder` must not be quantized, for the layout has no place for scales. "
            f"Received: one whose {layer.name} is {layer.quantization_mode}"
        )
    # Asked for by name, a layer adds LoRA's part.
    values = ops.convert_to_numpy(getattr(layer, name)).astype(dtype, copy=False)
    return values.T if name == "kernel" else values


def _layout(encoder, head, dtype):
    """Returns the configuration and how to rename the tensors: a BERT's or a DistilBERT's."""
    config = {name: getattr(encoder, argument) for argument, name in ARGUMENTS.items()}
    config["hidden_act"] = _activation_name(encoder.activation)
    common = {"pad_token_id": 0, "torch_dtype": dtype}
    if encoder.type_vocab_size:
        architecture = "BertForMaskedLM" if head else "BertModel"
        config = {"architectures": [architecture], "model_type": "bert", **config, **common}
        return config, _in_masked_lm if head else str
    if head or encoder.pooler or encoder.epsilon != DISTILBERT_EPSILON:
        raise ValueError(
            "An encoder without segments is written as a DistilBERT, here without a head, which "
            f"has no pooler and epsilon={DISTILBERT_EPSILON}. "
            f"Received: pooler={encoder.pooler}, epsilon={encoder.epsilon}"
        )
    config = {distilbert: config[bert] for distilbert, bert in DISTILBERT_CONFIG.items()}
    return {
        "architectures": ["DistilBertModel"],
        "model_type": "distilbert",
        **config,
        **common,
    }, to_distilbert


def _in_masked_lm(name):
    return name if name.startswith(MASKED_LM) else f"bert.{name}"


def _activation_name(activation):
    for name, ours in ACTIVATIONS.items():
        if getattr(activation, "__name__", None) == ours:
            return name
    raise ValueError(
        f"`activation` must be one of {', '.join(sorted(set(ACTIVATIONS.values())))} to be "
        f"written. Received: {activation!r}"
    )
