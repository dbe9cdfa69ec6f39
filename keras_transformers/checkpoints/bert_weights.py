"""BERT's weights between the published formats and Keras layers, by name.

Inside, names and shapes are those of Hugging Face's `BertModel`, whose dense weights are
`(outputs, inputs)`. DistilBERT and TensorFlow Hub have other names for the same modules.
"""

import json
import math
import os
import re
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_transformers.checkpoints import hub_handle
from keras_transformers.checkpoints.hugging_face import read_config, read_tensors

# A module of layer i at Hugging Face: in DistilBERT, on TensorFlow Hub.
_BLOCK = {
    "attention.self.query": ("attention.q_lin", "self_attention/query"),
    "attention.self.key": ("attention.k_lin", "self_attention/key"),
    "attention.self.value": ("attention.v_lin", "self_attention/value"),
    "attention.output.dense": ("attention.out_lin", "self_attention/attention_output"),
    "attention.output.LayerNorm": ("sa_layer_norm", "self_attention_layer_norm"),
    "intermediate.dense": ("ffn.lin1", "intermediate"),
    "output.dense": ("ffn.lin2", "output"),
    "output.LayerNorm": ("output_layer_norm", "output_layer_norm"),
}
_TO_DISTILBERT = {bert: distilbert for bert, (distilbert, _) in _BLOCK.items()}
_FROM_DISTILBERT = {distilbert: bert for bert, (distilbert, _) in _BLOCK.items()}
_FROM_TF_HUB = {tf_hub: bert for bert, (_, tf_hub) in _BLOCK.items()}

_DISTILBERT_HEAD = {
    "vocab_transform.weight": "cls.predictions.transform.dense.weight",
    "vocab_transform.bias": "cls.predictions.transform.dense.bias",
    "vocab_layer_norm.weight": "cls.predictions.transform.LayerNorm.weight",
    "vocab_layer_norm.bias": "cls.predictions.transform.LayerNorm.bias",
    "vocab_projector.weight": "cls.predictions.decoder.weight",
    "vocab_projector.bias": "cls.predictions.bias",
}
_TF_HUB_MODULES = {
    "word_embeddings": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "type_embeddings": "embeddings.token_type_embeddings",
    "embeddings/layer_norm": "embeddings.LayerNorm",
    "pooler_transform": "pooler.dense",
    "cls/predictions/transform/dense": "cls.predictions.transform.dense",
    "cls/predictions/transform/LayerNorm": "cls.predictions.transform.LayerNorm",
    "cls/predictions/output_bias": "cls.predictions",
}
_MASKED_LM = "cls.predictions."
_ENCODER = ("embeddings.", "encoder.", "transformer.", "pooler.")

# Keras's name of a variable: Hugging Face's.
_VARIABLES = {
    "embeddings": "weight",
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
}

# BertEncoder's argument: its name in config.json.
_ARGUMENTS = {
    "vocab_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "num_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_positions": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "activation": "hidden_act",
    "epsilon": "layer_norm_eps",
}
# DistilBERT's name in config.json: BERT's.
_DISTILBERT_CONFIG = {
    "vocab_size": "vocab_size",
    "n_layers": "num_hidden_layers",
    "dim": "hidden_size",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "activation": "hidden_act",
}
_DISTILBERT_EPSILON = 1e-12
# Hugging Face's name of an activation: BertEncoder's. The first of several is the one written.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
_DOWNLOADS = ("*.json", "vocab.txt", "model*.safetensors")
_TIMEOUT = 10  # Seconds that the Hugging Face Hub may take to answer.


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


def read_bert(name_or_directory: str | os.PathLike) -> BertCheckpoint:
    """Reads a BERT or DistilBERT in Hugging Face's layout, or a BERT SavedModel of TensorFlow Hub.

    Heads for other tasks than masked language modelling are left out.

    Args:
        name_or_directory: what `find_directory` takes.

    Returns:
        Arguments and tensors, all floats float32.

    Raises:
        FileNotFoundError: if there is no such checkpoint or a file in it is missing.
        ValueError: if the configuration is not a BERT encoder's.

    Warns:
        UserWarning: if the model pads with another id than 0.

    Example:
        >>> from keras_transformers.checkpoints.bert_weights import read_bert
        >>> read_bert("distilbert-base-uncased").masked_lm["bias"].shape  # doctest: +SKIP
        (30522,)
    """
    directory = find_directory(name_or_directory)
    is_saved_model = (directory / "saved_model.pb").is_file()
    arguments, tensors = (_read_tf_hub if is_saved_model else _read_hugging_face)(directory)
    return BertCheckpoint(
        arguments=arguments | {"pooler": any(name.startswith("pooler.") for name in tensors)},
        tensors={n: tensor for n, tensor in tensors.items() if not n.startswith(_MASKED_LM)},
        masked_lm={
            n.removeprefix(_MASKED_LM): tensor
            for n, tensor in tensors.items()
            if n.startswith(_MASKED_LM)
        },
    )


def find_directory(name_or_directory: str | os.PathLike) -> Path:
    """Finds the local directory of a checkpoint, downloading it if need be.

    Args:
        name_or_directory: a directory, a model's name on the Hugging Face Hub
            (`"google/bert_uncased_L-4_H-128_A-2"`), or a TensorFlow Hub handle: the address of a
            SavedModel or a local archive of one. Of a pair that `export_to_hub` wrote, it is the
            encoder's. Downloads are kept in the caches of
            `huggingface_hub` and `tensorflow_hub`.

    Returns:
        The directory.

    Raises:
        FileNotFoundError: if there is neither such a directory nor such a model in the cache or
            within reach.

    Example:
        >>> from keras_transformers.checkpoints.bert_weights import find_directory
        >>> find_directory(".")
        PosixPath('.')
    """
    name = os.fspath(name_or_directory)
    if os.path.isdir(name):
        encoder = Path(name) / "encoder"
        return encoder if (encoder / "saved_model.pb").is_file() else Path(name)
    try:
        if "://" in name or os.path.isfile(name):
            return Path(hub_handle.find_saved_model(name))
        directory = _download(name)
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise FileNotFoundError(
            "`name_or_directory` must be a directory, or the name or address of a model that is "
            f"in the cache or can be downloaded. Received: {name!r} ({reason})"
        ) from error
    if not any(directory.glob("*.safetensors")):
        raise FileNotFoundError(
            f"{name!r} must have model.safetensors on the Hugging Face Hub. If it has "
            f"pytorch_model.bin, run `hf download {name} --local-dir DIRECTORY` and open "
            "DIRECTORY: the message then has the command that converts it."
        )
    return directory


def _download(name):
    from huggingface_hub import model_info, snapshot_download

    unreachable = None
    try:
        # By itself, snapshot_download waits for a silent server without end.
        model_info(name, timeout=_TIMEOUT)
    except Exception as error:  # Of the HTTP library's, whichever that is.
        unreachable = error
    try:
        return Path(
            snapshot_download(
                name, allow_patterns=_DOWNLOADS, local_files_only=unreachable is not None
            )
        )
    except FileNotFoundError as error:
        raise OSError(unreachable or error) from error


def _read_hugging_face(directory):
    config, rename = _read_distilbert_config(directory), _from_distilbert
    if config is None:
        config, rename = read_config(directory), str
    tensors = {rename(name): tensor for name, tensor in read_tensors(directory).items()}
    # Of the integers, the tables of position and type ids, none is a weight.
    return _arguments(config), {
        name: tensor
        for name, tensor in tensors.items()
        if name.startswith((*_ENCODER, _MASKED_LM)) and tensor.dtype.kind == "f"
    }


def _read_distilbert_config(directory):
    """Returns a DistilBERT's configuration under BERT's names; None if it is not a DistilBERT."""
    try:
        config = json.loads((directory / "config.json").read_text("utf-8"))
        if config["model_type"] != "distilbert":
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # `read_config` says what is wrong, if anything is.
    missing = [name for name in _DISTILBERT_CONFIG if name not in config]
    if missing:
        raise ValueError(
            f"A DistilBERT's config.json must have {', '.join(missing)}. Received: {sorted(config)}"
        )
    return {
        "pad_token_id": config.get("pad_token_id"),
        "type_vocab_size": 0,
        "layer_norm_eps": _DISTILBERT_EPSILON,
        **{bert: config[distilbert] for distilbert, bert in _DISTILBERT_CONFIG.items()},
    }


def _from_distilbert(name):
    name = name.removeprefix("distilbert.")
    block = re.fullmatch(r"transformer\.layer\.(\d+)\.(.+)\.(weight|bias)", name)
    if block and block[2] in _FROM_DISTILBERT:
        return f"encoder.layer.{block[1]}.{_FROM_DISTILBERT[block[2]]}.{block[3]}"
    return _DISTILBERT_HEAD.get(name, name)


def _arguments(config):
    activation = config["hidden_act"]
    if activation not in _ACTIVATIONS:
        raise ValueError(
            f"`hidden_act` must be one of {', '.join(_ACTIVATIONS)}. Received: {activation!r}"
        )
    if config.get("pad_token_id") not in (None, 0):
        warnings.warn(
            f"This model pads with id {config['pad_token_id']}. Give `input_mask` in every call: "
            "left out, only id 0 counts as padding.",
            stacklevel=5,
        )
    arguments = {argument: config[name] for argument, name in _ARGUMENTS.items()}
    return arguments | {"activation": _ACTIVATIONS[activation]}


def _read_tf_hub(directory):
    variables = _saved_variables(directory)
    tensors = {}
    for path, value in variables.items():
        module, _, name = path.rpartition("/")
        tensors[f"{_from_tf_hub(module)}.{_VARIABLES.get(name, name)}"] = _to_torch(name, value)
    try:
        vocab_size, hidden_size = tensors["embeddings.word_embeddings.weight"].shape
        arguments = {
            "vocab_size": vocab_size,
            "num_layers": sum(name.endswith("query.weight") for name in tensors),
            "hidden_size": hidden_size,
            "num_heads": next(v.shape[1] for n, v in variables.items() if "query/kernel" in n),
            "intermediate_size": tensors["encoder.layer.0.intermediate.dense.bias"].size,
            "max_positions": len(tensors["embeddings.position_embeddings.weight"]),
            "type_vocab_size": len(tensors["embeddings.token_type_embeddings.weight"]),
            "activation": _saved_activation(directory),
        }
    except (KeyError, StopIteration) as error:
        raise ValueError(
            f"`name_or_directory` must be a BERT encoder, with variables such as "
            f"word_embeddings/embeddings. Received: {str(directory)!r} with "
            f"{_some(sorted(variables))}"
        ) from error
    return arguments, tensors


def _saved_variables(directory):
    """Reads a SavedModel's floating-point variables by name, without running its graph."""
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    reader = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
    graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
    variables = {
        attribute.full_name: np.asarray(reader.get_tensor(attribute.checkpoint_key))
        for node in graph.nodes
        for attribute in node.attributes
    }
    return {name: value for name, value in variables.items() if value.dtype.kind == "f"}


def _from_tf_hub(module):
    block = re.search(r"transformer/layer_(\d+)/(.+)", module)
    if block and block[2] in _FROM_TF_HUB:
        return f"encoder.layer.{block[1]}.{_FROM_TF_HUB[block[2]]}"
    # An encoder inside another model has that one's name in front.
    return next(
        (bert for tf_hub, bert in _TF_HUB_MODULES.items() if f"/{module}".endswith(f"/{tf_hub}")),
        module,
    )


def _saved_activation(directory):
    """Tells the activation, which a SavedModel does not name, from the operations in its graph."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved_model = SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    functions = saved_model.meta_graphs[0].graph_def.library.function
    operations = {node.op for function in functions for node in function.node_def}
    # The pooler has a tanh as well; only the approximation of GELU takes a power.
    told_by = {"Erf": "gelu", "Erfc": "gelu", "Relu": "relu", "Pow": "gelu_tanh"}
    for operation, activation in told_by.items():
        if operation in operations:
            return activation
    raise ValueError(
        "A BERT SavedModel's activation must be gelu, its tanh approximation or relu. "
        f"Received: {str(directory)!r} with operations {_some(sorted(operations))}"
    )


def assign_tensors(encoder, tensors: dict[str, np.ndarray]) -> None:
    """Gives an encoder the weights of a checkpoint.

    Args:
        encoder: a `BertEncoder`. It is built if need be.
        tensors: all its weights and nothing else, under the names and in the shapes of Hugging
            Face's `BertModel`, such as `BertCheckpoint.tensors`.

    Raises:
        ValueError: if tensors are missing, surplus or of another shape; the message names them.

    Example:
        >>> from keras_transformers.checkpoints.bert_weights import assign_tensors, read_bert
        >>> from keras_transformers.models import BertEncoder
        >>> checkpoint = read_bert("bert-base-uncased")  # doctest: +SKIP
        >>> encoder = BertEncoder(**checkpoint.arguments)  # doctest: +SKIP
        >>> assign_tensors(encoder, checkpoint.tensors)  # doctest: +SKIP
    """
    variables = _named_variables(encoder)
    shapes = {name: _torch_shape(v.name, v.shape) for name, v in variables.items()}
    _check_tensors(tensors, shapes)
    for name, variable in variables.items():
        tensor = tensors[name].T if variable.name == "kernel" else tensors[name]
        variable.assign(tensor.reshape(variable.shape))


def _check_tensors(tensors, shapes):
    wrong = {
        "missing": sorted(shapes.keys() - tensors.keys()),
        "surplus": sorted(tensors.keys() - shapes.keys()),
        "of another shape": [
            f"{name} {tensors[name].shape} instead of {shape}"
            for name, shape in shapes.items()
            if name in tensors and tensors[name].shape != shape
        ],
    }
    if any(wrong.values()):
        found = "; ".join(f"{what}: {_some(names)}" for what, names in wrong.items() if names)
        raise ValueError(
            f"`tensors` must be the {len(shapes)} weights of this encoder. Received: {found}"
        )


def write_bert(encoder, directory: str | os.PathLike) -> None:
    """Writes an encoder as `config.json` and `model.safetensors`, in Hugging Face's layout.

    An encoder without segments is written as a DistilBERT, any other as a BERT, in float32.

    Args:
        encoder: a `BertEncoder`. It is built if need be.
        directory: where to; made if it does not exist. Other files in it are left alone.

    Raises:
        ValueError: if the layout cannot hold the encoder: an activation that it has no name for,
            or no segments together with a pooler or another epsilon than 1e-12; or if the
            directory holds a checkpoint in shards, which some readers prefer to the new file.

    Example:
        >>> import os, tempfile
        >>> from keras_transformers.checkpoints.bert_weights import write_bert
        >>> from keras_transformers.models import BertEncoder
        >>> directory = tempfile.mkdtemp()
        >>> write_bert(BertEncoder(100, 1, 8, 2, 16), directory)
        >>> sorted(os.listdir(directory))
        ['config.json', 'model.safetensors']
    """
    from safetensors.numpy import save_file

    directory = Path(directory)
    config, rename = _layout(encoder)
    index = directory / "model.safetensors.index.json"
    if index.exists():
        raise ValueError(
            f"`directory` must not hold a checkpoint in shards. Received: one with {index.name}"
        )
    tensors = {
        rename(name): np.ascontiguousarray(_to_torch(variable.name, _float32(variable)))
        for name, variable in _named_variables(encoder).items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as unfinished:
        # Hugging Face's readers want to know which framework's shapes these are.
        save_file(tensors, Path(unfinished, "model.safetensors"), metadata={"format": "pt"})
        Path(unfinished, "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")
        for file in ("model.safetensors", "config.json"):
            os.replace(Path(unfinished, file), directory / file)


def _layout(encoder):
    """Returns the configuration and how to rename the tensors: a BERT's or a DistilBERT's."""
    config = {name: getattr(encoder, argument) for argument, name in _ARGUMENTS.items()}
    config["hidden_act"] = _activation_name(encoder.activation)
    common = {"pad_token_id": 0, "torch_dtype": "float32"}
    if encoder.type_vocab_size:
        return {"architectures": ["BertModel"], "model_type": "bert", **config, **common}, str
    if encoder.pooler or encoder.epsilon != _DISTILBERT_EPSILON:
        raise ValueError(
            "An encoder without segments is written as a DistilBERT, which has no pooler and "
            f"epsilon={_DISTILBERT_EPSILON}. "
            f"Received: pooler={encoder.pooler}, epsilon={encoder.epsilon}"
        )
    config = {distilbert: config[bert] for distilbert, bert in _DISTILBERT_CONFIG.items()}
    return {
        "architectures": ["DistilBertModel"],
        "model_type": "distilbert",
        **config,
        **common,
    }, _to_distilbert


def _activation_name(activation):
    for name, ours in _ACTIVATIONS.items():
        if getattr(activation, "__name__", None) == ours:
            return name
    raise ValueError(
        f"`activation` must be one of {', '.join(sorted(set(_ACTIVATIONS.values())))} to be "
        f"written. Received: {activation!r}"
    )


def _to_distilbert(name):
    # With the prefix, as published: KerasHub looks for it.
    block = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name)
    if block:
        name = f"transformer.layer.{block[1]}.{_TO_DISTILBERT[block[2]]}.{block[3]}"
    return f"distilbert.{name}"


def _named_variables(encoder):
    """Returns the encoder's variables under Hugging Face's names."""
    if not encoder.built:
        encoder.build()
    modules = {
        "embeddings.word_embeddings": encoder.embedding.token_embedding,
        "embeddings.position_embeddings": encoder.embedding.position_embedding,
        "embeddings.token_type_embeddings": encoder.segment_embedding,
        "embeddings.LayerNorm": encoder.embedding_norm,
        "pooler.dense": encoder.pooler_dense,
    }
    for i, block in enumerate(encoder.blocks):
        modules |= {
            f"encoder.layer.{i}.attention.self.query": block.attention.query_dense,
            f"encoder.layer.{i}.attention.self.key": block.attention.key_dense,
            f"encoder.layer.{i}.attention.self.value": block.attention.value_dense,
            f"encoder.layer.{i}.attention.output.dense": block.attention.output_dense,
            f"encoder.layer.{i}.attention.output.LayerNorm": block.attention_norm,
            f"encoder.layer.{i}.intermediate.dense": block.feed_forward_hidden,
            f"encoder.layer.{i}.output.dense": block.feed_forward_output,
            f"encoder.layer.{i}.output.LayerNorm": block.feed_forward_norm,
        }
    return {
        f"{module}.{_VARIABLES[variable.name]}": variable
        for module, layer in modules.items()
        if layer is not None
        for variable in layer.weights
    }


def _torch_shape(name, shape):
    """Returns the shape that a Keras variable's values have in a checkpoint."""
    if name == "embeddings":
        return tuple(shape)
    if name == "kernel" and len(shape) == 3:
        # Attention's (hidden, heads, dim) or (heads, dim, hidden), with heads * dim = hidden.
        return (math.isqrt(math.prod(shape)),) * 2
    return tuple(shape[::-1]) if name == "kernel" else (math.prod(shape),)


def _to_torch(name, value):
    shape = _torch_shape(name, value.shape)
    return value.reshape(shape[::-1]).T if name == "kernel" else value.reshape(shape)


def _float32(variable):
    from keras import ops

    return ops.convert_to_numpy(variable).astype("float32", copy=False)


def _some(names, limit=20):
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
