"""A BERT of TensorFlow Hub, read from its SavedModel without running it."""

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from keras_transformers.checkpoints.bert_names import VARIABLES, from_tf_hub
from keras_transformers.utils import reading, some


def read_saved_bert(directory: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Returns `BertEncoder`'s arguments but `pooler`, and the tensors under Hugging Face's names.

    Raises:
        ValueError: if it is no BERT encoder, or of an activation that cannot be told, or damaged.
    """
    variables = _saved_variables(directory)
    tensors = {}
    for path, value in variables.items():
        module, _, name = path.rpartition("/")
        tensors[f"{from_tf_hub(module)}.{VARIABLES.get(name, name)}"] = _matrix(name, value)
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
            "activation": saved_activation(directory),
        }
    except (KeyError, StopIteration) as error:
        raise ValueError(
            f"`name_or_directory` must be a BERT encoder, with variables such as "
            f"word_embeddings/embeddings. Received: {str(directory)!r} with "
            f"{some(sorted(variables))}"
        ) from error
    return arguments, tensors


def lowers_case(directory: Path) -> bool | None:
    """Returns whether a SavedModel's tokeniser lower-cases; None if the model does not say."""
    import tensorflow as tf

    name = "do_lower_case/.ATTRIBUTES/VARIABLE_VALUE"
    with reading(directory):
        variables = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
        return bool(variables.get_tensor(name)) if variables.has_tensor(name) else None


def _matrix(name, value):
    """Returns a variable's values in the shape that they have at Hugging Face."""
    if name != "kernel":
        return value if value.ndim == 2 and name == "embeddings" else value.reshape(-1)
    if value.ndim == 3:
        # Attention's (hidden, heads, dim) or (heads, dim, hidden), with heads * dim = hidden.
        value = value.reshape(math.isqrt(value.size), -1)
    return value.T


def _saved_variables(directory):
    """Reads a SavedModel's floating-point variables by name, without running its graph."""
    import tensorflow as tf
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

    with reading(directory):
        reader = tf.train.load_checkpoint(str(directory / "variables" / "variables"))
        graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        variables = {
            attribute.full_name: np.asarray(reader.get_tensor(attribute.checkpoint_key))
            for node in graph.nodes
            for attribute in node.attributes
        }
    return {name: value for name, value in variables.items() if value.dtype.kind == "f"}


def saved_activation(directory: Path) -> str:
    """Tells the activation, which a SavedModel does not name, from the operations in its graph.

    Warns:
        UserWarning: if they are those of two activations.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    with reading(directory / "saved_model.pb"):
        saved_model = SavedModel.FromString((directory / "saved_model.pb").read_bytes())
        functions = saved_model.meta_graphs[0].graph_def.library.function
    operations = {node.op for function in functions for node in function.node_def}
    # The pooler has a tanh as well; only the approximation of GELU takes a power.
    told_by = {"Erf": "gelu", "Erfc": "gelu", "Relu": "relu", "Pow": "gelu_tanh"}
    told = list(dict.fromkeys(told_by[name] for name in told_by if name in operations))
    if len(told) > 1:
        warnings.warn(
            f"{str(directory)!r} has the operations of {' and '.join(told)}: its activation is "
            f"taken to be {told[0]}. Compare outputs, or give BertEncoder.from_pretrained the "
            "`activation`.",
            stacklevel=2,
        )
    if told:
        return told[0]
    raise ValueError(
        "A BERT SavedModel's activation must be gelu, its tanh approximation or relu. "
        f"Received: {str(directory)!r} with operations {some(sorted(operations))}"
    )
