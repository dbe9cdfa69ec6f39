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


def sinusoids(positions, dim):
    """P[t, 2i] = sin(t / 10000^(2i/d)), P[t, 2i+1] = cos of the same."""
    table = np.empty((len(positions), dim))
    for row, t in enumerate(positions):
        for i in range(dim):
            angle = t / 10_000 ** (2 * (i // 2) / dim)
            table[row, i] = math.cos(angle) if i % 2 else math.sin(angle)
    return table


def bahdanau_attention(query, value, weights, allowed, prefix=""):
    """e = v tanh(W_q s + W_k h), softmax over the keys, and the mean of the values by it."""
    w_q, w_k, v = (weights[f"{prefix}{name}/kernel"] for name in ("query", "key", "score"))
    scores = np.empty((*query.shape[:2], value.shape[1]))
    for b, q, k in np.ndindex(*scores.shape):
        scores[b, q, k] = (np.tanh(query[b, q] @ w_q + value[b, k] @ w_k) @ v).item()
    alphas = masked_softmax(scores, allowed)
    return alphas @ value, alphas


def transformer_decoder_block(
    x, memory, weights, num_heads, exists, memory_exists, norm_first=False, epsilon=1e-6
):
    """The block's output and both attentions' weights."""

    def norm(name, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
        return x * weights[f"{name}/gamma"] + weights[f"{name}/beta"]

    def feed_forward(x):
        hidden, out = (f"feed_forward_{name}" for name in ("hidden", "output"))
        hidden = np.maximum(x @ weights[f"{hidden}/kernel"] + weights[f"{hidden}/bias"], 0)
        return hidden @ weights[f"{out}/kernel"] + weights[f"{out}/bias"], None

    causal = np.tril(np.ones((x.shape[1], x.shape[1]), bool))
    to_itself = causal & exists[:, None]
    to_memory = np.broadcast_to(memory_exists[:, None], (len(x), x.shape[1], memory.shape[1]))

    def ask_itself(x):
        return multi_head_attention(x, weights, num_heads, to_itself, "attention/")

    def ask_memory(x):
        return multi_head_attention(
            x, weights, num_heads, to_memory, "memory_attention/", value=memory
        )

    scores = []
    for name, sublayer in (
        ("attention_norm", ask_itself),
        ("memory_attention_norm", ask_memory),
        ("feed_forward_norm", feed_forward),
    ):
        y, weights_of_it = sublayer(norm(name, x) if norm_first else x)
        x = x + y if norm_first else norm(name, x + y)
        scores.append(weights_of_it)
    return x, *scores[:2]


def gru_step(x, s, kernel, recurrent, bias):
    """One step of a GRU whose reset gate stands behind the recurrent product, as in Keras."""
    z_x, r_x, h_x = np.split(x @ kernel + bias[0], 3, axis=-1)
    z_s, r_s, h_s = np.split(s @ recurrent + bias[1], 3, axis=-1)
    z, r = (1 / (1 + np.exp(-gate)) for gate in (z_x + z_s, r_x + r_s))
    return z * s + (1 - z) * np.tanh(h_x + r * h_s)


def rnn_decoder(ids, memory, weights, memory_exists, attention):
    """The decoder's logits and, with attention, its alignment, step by step."""
    half = memory.shape[-1] // 2
    real = [np.flatnonzero(row) for row in memory_exists]
    summary = np.stack(
        [np.r_[m[r[-1], :half], m[r[0], half:]] for m, r in zip(memory, real, strict=True)]
    )
    s = np.tanh(summary @ weights["start/kernel"] + weights["start/bias"])
    gru = [weights[f"cell/{name}"] for name in ("kernel", "recurrent_kernel", "bias")]
    logits, alignment = [], []
    for t in range(ids.shape[1]):
        context = summary
        if attention:
            context, alphas = bahdanau_attention(
                s[:, None], memory, weights, memory_exists[:, None], "attention/"
            )
            context = context[:, 0]
            alignment.append(alphas[:, 0])
        token = weights["embedding/embeddings"][ids[:, t]]
        s = gru_step(np.concatenate([token, context], axis=-1), s, *gru)
        joined = np.concatenate([s, context, token], axis=-1)
        readout = np.tanh(joined @ weights["readout/kernel"] + weights["readout/bias"])
        logits.append(readout @ weights["output/kernel"] + weights["output/bias"])
    return np.stack(logits, axis=1), np.stack(alignment, axis=1) if attention else None


def masked_lm_head(x, token_matrix, weights, epsilon=1e-12):
    """LayerNorm(gelu(x W + b)) E^T + b_E."""
    x = x @ weights["transform_dense/kernel"] + weights["transform_dense/bias"]
    x = ACTIVATIONS["gelu"](x)
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    x = x * weights["transform_norm/gamma"] + weights["transform_norm/beta"]
    return x @ token_matrix.T + weights["output_bias"]
