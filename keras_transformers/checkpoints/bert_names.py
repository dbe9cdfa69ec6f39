"""The names of BERT's modules and settings: Hugging Face's, DistilBERT's, TensorFlow Hub's, ours.

In between, names and shapes are those of Hugging Face's `BertModel`, whose dense weights are
`(outputs, inputs)`.
"""

import re

import keras

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
MASKED_LM = "cls.predictions."
ENCODER = ("embeddings.", "encoder.", "transformer.", "pooler.")

# Keras's name of a variable: Hugging Face's.
VARIABLES = {
    "embeddings": "weight",
    "kernel": "weight",
    "gamma": "weight",
    "bias": "bias",
    "beta": "bias",
}

# BertEncoder's argument: its name in config.json.
ARGUMENTS = {
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
DISTILBERT_CONFIG = {
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
DISTILBERT_EPSILON = 1e-12
# Hugging Face's name of an activation: BertEncoder's. The first of several is the one written.
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


def from_distilbert(name: str) -> str:
    """Returns BERT's name of a DistilBERT's tensor."""
    name = name.removeprefix("distilbert.")
    block = re.fullmatch(r"transformer\.layer\.(\d+)\.(.+)\.(weight|bias)", name)
    if block and block[2] in _FROM_DISTILBERT:
        return f"encoder.layer.{block[1]}.{_FROM_DISTILBERT[block[2]]}.{block[3]}"
    return _DISTILBERT_HEAD.get(name, name)


def to_distilbert(name: str) -> str:
    """Returns DistilBERT's name of a BERT's tensor."""
    # With the prefix, as published: KerasHub looks for it.
    block = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name)
    if block:
        name = f"transformer.layer.{block[1]}.{_TO_DISTILBERT[block[2]]}.{block[3]}"
    return f"distilbert.{name}"


def from_tf_hub(module: str) -> str:
    """Returns Hugging Face's name of a module on TensorFlow Hub."""
    block = re.search(r"transformer/layer_(\d+)/(.+)", module)
    if block and block[2] in _FROM_TF_HUB:
        return f"encoder.layer.{block[1]}.{_FROM_TF_HUB[block[2]]}"
    # An encoder inside another model has that one's name in front.
    return next(
        (bert for tf_hub, bert in _TF_HUB_MODULES.items() if f"/{module}".endswith(f"/{tf_hub}")),
        module,
    )


def named_weights(encoder: keras.Model) -> dict[str, tuple[keras.layers.Layer, keras.Variable]]:
    """Returns pairs of layer and variable of an encoder under Hugging Face's names.

    What quantization and LoRA add to a layer has no name there and is left out.
    """
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
    return _weights(modules)


def named_head_weights(
    head: keras.layers.Layer,
) -> dict[str, tuple[keras.layers.Layer, keras.Variable]]:
    """Returns those of a built `MaskedLMHead`."""
    modules = {
        "cls.predictions.transform.dense": head.transform_dense,
        "cls.predictions.transform.LayerNorm": head.transform_norm,
    }
    return {**_weights(modules), "cls.predictions.bias": (head, head.output_bias)}


def _weights(modules):
    return {
        f"{module}.{VARIABLES[variable.name]}": (layer, variable)
        for module, layer in modules.items()
        if layer is not None
        for variable in layer.weights
        if variable.name in VARIABLES
    }
