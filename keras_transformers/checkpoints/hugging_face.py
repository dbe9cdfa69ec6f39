"""BERT checkpoints in the Hugging Face layout: their configuration, tensors and tokenizer settings.

Nothing here needs a deep-learning framework: tensors are NumPy arrays under the names that
Hugging Face's `BertModel` gives them (`embeddings.word_embeddings.weight`, …).
"""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_transformers.utils import check_positive, check_rate, read_json, some

_SIZES = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "type_vocab_size",
)
_RATES = ("hidden_dropout_prob", "attention_probs_dropout_prob")
_DEFAULTS = {
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "initializer_range": 0.02,
}
# Where one of these is given and differs, the equations are not those of BERT's encoder.
_BERT = {"model_type": "bert", "position_embedding_type": "absolute", "is_decoder": False}

_CONVERSION = (
    'python -c "import sys, torch, safetensors.torch as s; s.save_file('
    "{k: v.contiguous().clone() for k, v in torch.load(sys.argv[1] + '/pytorch_model.bin', "
    "map_location='cpu', weights_only=True).items()}, sys.argv[1] + '/model.safetensors')\" "
)


def read_config(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads `config.json`; `complete_config` checks that of a BERT."""
    return read_json(_existing(directory, "config.json"))


def complete_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Checks a BERT configuration and adds what it leaves at Hugging Face's default.

    Args:
        config: `vocab_size`, `hidden_size`, `num_hidden_layers`, `num_attention_heads` and
            `intermediate_size`, and optionally anything else that `config.json` may hold.

    Raises:
        ValueError: if a size is missing or out of range, or if the configuration is another
            model's (`model_type`), a decoder's, or has relative positions.
    """
    for name, expected in _BERT.items():
        if config.get(name, expected) != expected:
            raise ValueError(
                f"`config` must describe a BERT encoder, with {name}={expected!r}. "
                f"Received: {name}={config[name]!r}"
            )
    config = {**_DEFAULTS, **config}
    missing = [name for name in _SIZES if name not in config]
    if missing:
        raise ValueError(f"`config` must have {', '.join(missing)}. Received: {sorted(config)}")
    for name in _SIZES:
        check_positive(name, config[name])
    for name in _RATES:
        check_rate(name, config[name])
    for name in ("layer_norm_eps", "initializer_range"):
        if not isinstance(config[name], int | float) or not config[name] > 0:
            raise ValueError(
                f"`{name}` must be a positive number. Received: {name}={config[name]!r}"
            )
    if config["hidden_size"] % config["num_attention_heads"]:
        raise ValueError(
            "`hidden_size` must be a multiple of `num_attention_heads`. Received: "
            f"hidden_size={config['hidden_size']}, "
            f"num_attention_heads={config['num_attention_heads']}"
        )
    return config


def read_tensors(directory: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads the tensors of a directory, from `model.safetensors` or from the shards of its index.

    Prefixes that task models, wrappers and compilers put in front (`bert.`, `model.`, `module.`,
    `_orig_mod.`) are taken off, and the layer normalisations' `gamma` and `beta`, as old
    checkpoints call them, become `weight` and `bias`. Tensors that `BertModel` does not have, such
    as a task's head, come along. Floating-point ones become float32.

    Raises:
        FileNotFoundError: if the directory or a file in it is missing. Where there is only a
            `pytorch_model.bin`, a pickle, which may run any code when it is read, the message
            has the command that converts it.
        ValueError: if a file is not in the safetensors format, the index is not valid, or a tensor
            is there twice with different values.
    """
    tensors = {}
    for file in _tensor_files(Path(directory)):
        for name, array in _load(file).items():
            name, array = _canonical(name), _float32(array)
            if not np.array_equal(tensors.setdefault(name, array), array):
                raise ValueError(f"{file}: expected other tensors than before, found {name} again")
    return tensors


def tensor_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a BERT encoder's tensors by name, pooler included.

    The configuration is one that `complete_config` returned. A `weight` of a dense layer is
    `(outputs, inputs)`.
    """
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], hidden),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], hidden),
        "embeddings.token_type_embeddings.weight": (config["type_vocab_size"], hidden),
        **_norm_shapes("embeddings.LayerNorm", hidden),
    }
    for layer in (f"encoder.layer.{i}" for i in range(config["num_hidden_layers"])):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _dense_shapes(f"{layer}.attention.{part}", hidden, hidden)
        shapes |= _norm_shapes(f"{layer}.attention.output.LayerNorm", hidden)
        shapes |= _dense_shapes(f"{layer}.intermediate.dense", hidden, inner)
        shapes |= _dense_shapes(f"{layer}.output.dense", inner, hidden)
        shapes |= _norm_shapes(f"{layer}.output.LayerNorm", hidden)
    return shapes | _dense_shapes("pooler.dense", hidden, hidden)


def check_tensors(tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises a `ValueError` that names tensors which are missing, surplus or of another shape."""
    wrong = {
        "missing": sorted(shapes.keys() - tensors.keys()),
        "surplus": sorted(tensors.keys() - shapes.keys()),
        "of another shape": [
            f"{name} {tensors[name].shape} instead of {tuple(shape)}"
            for name, shape in shapes.items()
            if name in tensors and tensors[name].shape != tuple(shape)
        ],
    }
    if any(wrong.values()):
        found = "; ".join(f"{what}: {some(names)}" for what, names in wrong.items() if names)
        raise ValueError(
            f"`tensors` must be the {len(shapes)} weights of this encoder. Received: {found}"
        )


def check_encoder(tensors: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> None:
    """Raises the error of `check_tensors` for what are not the tensors of such an encoder.

    Nothing of the encoder's size is made for it, which may be beyond all memory in a damaged file.

    Args:
        tensors: those of the encoder alone; the pooler's may be missing.
        config: one that `complete_config` returned; with `type_vocab_size` 0 there are no segments.
    """
    layers = config["num_hidden_layers"]
    if layers > max(1000, len(tensors)):  # of which each layer has several
        raise ValueError(
            "`num_hidden_layers` must be the number of layers that there are tensors of. "
            f"Received: num_hidden_layers={layers} with {len(tensors)} tensors"
        )
    left_out = () if any(name.startswith("pooler.") for name in tensors) else ("pooler.",)
    if not config["type_vocab_size"]:
        left_out += ("embeddings.token_type_embeddings.",)
    shapes = tensor_shapes(config)
    check_tensors(tensors, {n: s for n, s in shapes.items() if not n.startswith(left_out)})


def read_tokenizer_config(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads `tokenizer_config.json`; without one, all is as Hugging Face has it by default."""
    file = Path(directory) / "tokenizer_config.json"
    return read_json(file) if file.exists() else {}


def _existing(directory, name):
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"A Hugging Face checkpoint must be a local directory. Received: {str(directory)!r}"
        )
    if not (directory / name).is_file():
        raise FileNotFoundError(
            f"A Hugging Face directory must have a file {name}. "
            f"Received: {str(directory)!r} with {sorted(os.listdir(directory))}"
        )
    return directory / name


def _tensor_files(directory):
    single, index = "model.safetensors", "model.safetensors.index.json"
    if (directory / index).is_file() and not (directory / single).is_file():
        shards = read_json(directory / index).get("weight_map")
        if not isinstance(shards, dict):
            raise ValueError(f"{str(directory / index)!r} must have a `weight_map`.")
        return [_existing(directory, shard) for shard in sorted(set(shards.values()))]
    if (directory / "pytorch_model.bin").is_file() and not (directory / single).is_file():
        raise FileNotFoundError(
            f"{str(directory)!r} has pytorch_model.bin but no {single}. Convert it once, in an "
            f"environment with torch: {_CONVERSION}{shlex.quote(str(directory))}"
        )
    return [_existing(directory, single)]


def _load(file):
    import ml_dtypes  # noqa: F401  NumPy has no bfloat16 until this is imported.
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{str(file)!r} must be a complete safetensors file: {error}") from error
    except (AttributeError, KeyError, TypeError) as error:  # by its version
        raise ValueError(
            f"{str(file)!r} must hold tensors of types that NumPy has. Received: {error}"
        ) from error


def _canonical(name):
    name = re.sub(r"^((module|_orig_mod|model)\.)*(bert\.)?", "", name)
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def _float32(array):
    # bfloat16 is of kind "V".
    return array.astype(np.float32, copy=False) if array.dtype.kind in "fV" else array


def _dense_shapes(name, inputs, outputs):
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm_shapes(name, size):
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
