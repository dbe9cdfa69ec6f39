"""Small BERT checkpoints of random weights, and what is asked of an encoder read from one."""

import json

import numpy as np
from keras import ops
from safetensors.numpy import save_file

BERT = {
    "model_type": "bert",
    "vocab_size": 40,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
DISTILBERT = {
    "model_type": "distilbert",
    "vocab_size": 40,
    "dim": 12,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 20,
    "max_position_embeddings": 16,
    "activation": "gelu",
    "dropout": 0.2,
    "attention_dropout": 0.3,
    "sinusoidal_pos_embds": False,
    "pad_token_id": 0,
}


def modules(**shapes):
    """Weight and bias of modules given by `name=shape`, with `__` for a dot."""
    rng = np.random.default_rng(3)
    tensors = {}
    for name, shape in shapes.items():
        name = name.replace("__", ".")
        tensors[f"{name}.weight"] = rng.normal(len(shape) == 1, 0.4, shape).astype("float32")
        if "embeddings.LayerNorm" in name or "_embeddings" not in name:
            tensors[f"{name}.bias"] = rng.normal(0, 0.4, shape[0]).astype("float32")
    return tensors


def bert_tensors():
    shapes = {
        "embeddings.word_embeddings": (40, 12),
        "embeddings.position_embeddings": (16, 12),
        "embeddings.token_type_embeddings": (2, 12),
        "embeddings.LayerNorm": (12,),
        "pooler.dense": (12, 12),
    }
    for i in range(2):
        shapes |= {
            f"encoder.layer.{i}.attention.self.query": (12, 12),
            f"encoder.layer.{i}.attention.self.key": (12, 12),
            f"encoder.layer.{i}.attention.self.value": (12, 12),
            f"encoder.layer.{i}.attention.output.dense": (12, 12),
            f"encoder.layer.{i}.attention.output.LayerNorm": (12,),
            f"encoder.layer.{i}.intermediate.dense": (20, 12),
            f"encoder.layer.{i}.output.dense": (12, 20),
            f"encoder.layer.{i}.output.LayerNorm": (12,),
        }
    return modules(**shapes)


def distilbert_tensors():
    shapes = {
        "distilbert.embeddings.word_embeddings": (40, 12),
        "distilbert.embeddings.position_embeddings": (16, 12),
        "distilbert.embeddings.LayerNorm": (12,),
        "vocab_transform": (12, 12),
        "vocab_layer_norm": (12,),
        "vocab_projector": (40, 12),
    }
    for i in range(2):
        layer = f"distilbert.transformer.layer.{i}"
        shapes |= {
            f"{layer}.attention.q_lin": (12, 12),
            f"{layer}.attention.k_lin": (12, 12),
            f"{layer}.attention.v_lin": (12, 12),
            f"{layer}.attention.out_lin": (12, 12),
            f"{layer}.sa_layer_norm": (12,),
            f"{layer}.ffn.lin1": (20, 12),
            f"{layer}.ffn.lin2": (12, 20),
            f"{layer}.output_layer_norm": (12,),
        }
    return modules(**shapes)


def write(directory, config, tensors, shards=1):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    if shards == 1:
        save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
        return directory
    names = [f"model-{i + 1:05}-of-{shards:05}.safetensors" for i in range(shards)]
    files = {tensor: names[i % shards] for i, tensor in enumerate(tensors)}
    for name in names:
        save_file({t: tensors[t] for t in tensors if files[t] == name}, directory / name)
    index = {"metadata": {}, "weight_map": files}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    return directory


INPUTS = {
    "input_word_ids": np.random.default_rng(1).integers(0, 40, (3, 9)).astype("int32"),
    "input_mask": (np.arange(9) < [[9], [4], [1]]).astype("int32"),
    "input_type_ids": np.random.default_rng(2).integers(0, 2, (3, 9)).astype("int32"),
}


def outputs_of(encoder):
    outputs = encoder(INPUTS)
    names = ("sequence_output", "pooled_output")
    return {name: ops.convert_to_numpy(outputs[name]) for name in names}


def assert_equal_weights(first, second):
    assert [v.path.partition("/")[2] for v in first.weights] == [
        v.path.partition("/")[2] for v in second.weights
    ]
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
