"""The layers' equations in NumPy and float64."""

import math

import numpy as np

ACTIVATIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "tanh": np.tanh,
}


def embed(ids, weights):
    """x_t = E[w_t] + P[t]."""
    tokens, positions = (weights[f"{name}_embedding/embeddings"] for name in ("token", "position"))
    return np.stack([[tokens[w] + positions[t] for t, w in enumerate(row)] for row in ids])


def masked_average(x, mask):
    """The mean of the vectors that count; zeros where none does."""
    rows = [
        row[kept].mean(axis=0) if kept.any() else 0 * row[0]
        for row, kept in zip(x, mask, strict=True)
    ]
    return np.stack(rows)


def transformer_block(
    x, weights, num_heads, allowed, activation="relu", norm_first=False, epsilon=1e-6
):
    """The block's output and attention weights; `allowed[b, t, s]`: t may look at s."""

    def norm(name, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def dense(name, x):
        return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]

    def feed_forward(x):
        hidden = ACTIVATIONS[activation](dense("feed_forward_hidden", x))
        return dense("feed_forward_output", hidden)

    if norm_first:
        x_normed = norm("attention_norm", x)
        attended, scores = multi_head_attention(x_normed, weights, num_heads, allowed)
        x = x + attended
        return x + feed_forward(norm("feed_forward_norm", x)), scores
    attended, scores = multi_head_attention(x, weights, num_heads, allowed)
    x = norm("attention_norm", x + attended)
    return norm("feed_forward_norm", x + feed_forward(x)), scores


def multi_head_attention(x, weights, num_heads, allowed, prefix="attention/", value=None):
    """Concatenates softmax(Q K^T / sqrt(d_k)) V of each head and projects it."""
    y = x if value is None else value

    def project(name, x, part=slice(None)):
        kernel, bias = (weights[f"{prefix}{name}/{kind}"] for kind in ("kernel", "bias"))
        return x @ kernel[:, part] + bias[part]

    key_dim = weights[f"{prefix}query/bias"].size // num_heads
    heads, scores = [], []
    for i in range(num_heads):
        part = slice(i * key_dim, (i + 1) * key_dim)
        q = project("query", x, part)
        k, v = (project(name, y, part) for name in ("key", "value"))
        scores.append(masked_softmax(q @ np.swapaxes(k, 1, 2) / math.sqrt(key_dim), allowed))
        heads.append(scores[-1] @ v)
    return project("output", np.concatenate(heads, axis=-1)), np.stack(scores, axis=1)


def masked_softmax(logits, allowed):
    """A softmax over the allowed entries of the last axis; all alike where none is."""
    logits = np.where(allowed.any(-1, keepdims=True), logits, 0)
    allowed = allowed | ~allowed.any(-1, keepdims=True)
    exponentials = np.exp(logits - logits.max(-1, keepdims=True)) * allowed
    return exponentials / exponentials.sum(-1, keepdims=True)
