"""The from-scratch classifier written in PyTorch, to compare with."""

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """The Transformer block, with heads of size `dim` each."""

    def __init__(self, dim, num_heads, ff_dim, rate):
        super().__init__()
        self.num_heads = num_heads
        self.query, self.key, self.value = (nn.Linear(dim, num_heads * dim) for _ in range(3))
        self.output = nn.Linear(num_heads * dim, dim)
        self.hidden, self.back = nn.Linear(dim, ff_dim), nn.Linear(ff_dim, dim)
        self.attention_norm = nn.LayerNorm(dim, eps=1e-6)
        self.feed_forward_norm = nn.LayerNorm(dim, eps=1e-6)
        self.dropout = nn.Dropout(rate)

    def forward(self, x, mask):
        query, key, value = (
            layer(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask[:, None, None, :]
        )
        attended = self.output(attended.transpose(1, 2).flatten(-2))
        x = self.attention_norm(x + self.dropout(attended))
        y = self.back(functional.relu(self.hidden(x)))
        return self.feed_forward_norm(x + self.dropout(y))


class TransformerClassifier(nn.Module):
    """Ids of shape `(batch, length)`, 0 = padding, to logits."""

    def __init__(self, vocab_size, maxlen, dim, num_heads, ff_dim, num_classes, rate=0.1):
        super().__init__()
        self.token = nn.Embedding(vocab_size, dim)
        self.position = nn.Embedding(maxlen, dim)
        for table in (self.token, self.position):
            nn.init.uniform_(table.weight, -0.05, 0.05)  # as Keras does
        self.block = Block(dim, num_heads, ff_dim, rate)
        self.hidden, self.logits = nn.Linear(dim, 20), nn.Linear(20, num_classes)
        self.dropout = nn.Dropout(rate)

    def forward(self, ids):
        mask = ids != 0
        x = self.token(ids) + self.position(torch.arange(ids.shape[1]))
        x = self.block(x, mask) * mask[..., None]
        x = x.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return self.logits(self.dropout(functional.relu(self.hidden(self.dropout(x)))))
