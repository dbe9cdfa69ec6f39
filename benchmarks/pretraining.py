"""A step of masked language modelling: ours, and Hugging Face's `BertForMaskedLM` in PyTorch.

    .venv/bin/python benchmarks/pretraining.py

Both have a BERT of the same sizes (by default 4 layers of 128 numbers and 8,000 word pieces),
random weights, no dropout, AdamW with gradients clipped to norm 1, and the same batches: random
ids, all texts of a batch of one length, 15 % of them masked. Hugging Face's model scores every
position and leaves out in its loss what was not masked; ours scores the masked positions alone.
Each contestant has a process of its own and both cores; they take turns, a round each, and the
ratio is the median of the rounds'. Hugging Face joins in where transformers and torch are
installed.
"""

import argparse
import importlib.util
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from turns import race

from keras_transformers.training.pretrain import SIZES

MASK, PADDING_LABEL = 4, -100
MAX_POSITIONS = 128


def make_batches(vocab_size, batch_size, count):
    """Returns masked ids, masked positions and hidden ids of each batch."""
    rng = np.random.default_rng(0)
    batches = []
    for length in rng.integers(24, 80, count):
        ids = rng.integers(5, vocab_size, (batch_size, length)).astype("int32")
        order = rng.permuted(np.tile(np.arange(length), (batch_size, 1)), axis=1)
        positions = np.sort(order[:, : round(0.15 * length)])
        hidden = np.take_along_axis(ids, positions, axis=1)
        np.put_along_axis(ids, positions, MASK, axis=1)
        batches.append((ids, positions.astype("int32"), hidden))
    return batches


def ours(clock, sizes, vocab_size, batches, rounds):
    """Our encoder and head, compiled as `pretrain` compiles them."""
    from keras_transformers.models import masked_language_model
    from keras_transformers.training.pretrain import build_encoder, compile_masked_lm
    from keras_transformers.training.settings import Pretraining

    settings = Pretraining(size=sizes)
    model = masked_language_model(build_encoder(vocab_size, settings))
    compile_masked_lm(model, settings, 10_000)

    def step(ids, positions, hidden):
        inputs = {"input_word_ids": ids, "masked_positions": positions}
        return float(model.train_on_batch(inputs, hidden)[0])

    return measure(clock, step, batches, rounds)


def hugging_face(clock, sizes, vocab_size, batches, rounds):
    """Hugging Face's model."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    layers, hidden_size, heads, intermediate_size = SIZES[sizes]
    config = BertConfig(
        vocab_size=vocab_size,
        num_hidden_layers=layers,
        hidden_size=hidden_size,
        num_attention_heads=heads,
        intermediate_size=intermediate_size,
        max_position_embeddings=MAX_POSITIONS,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertForMaskedLM(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.01)

    def step(ids, positions, hidden):
        labels = np.full(ids.shape, PADDING_LABEL)
        np.put_along_axis(labels, positions, hidden, axis=1)
        ids, labels = torch.tensor(ids, dtype=torch.long), torch.tensor(labels, dtype=torch.long)
        optimizer.zero_grad()
        loss = model(ids, attention_mask=(ids != 0).long(), labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return float(loss.detach())

    return measure(clock, step, batches, rounds)


def measure(clock, step, batches, rounds):
    """Returns the milliseconds of a step in each round, after one in which all is traced."""
    for batch in batches:
        step(*batch)
    found = []
    for _ in range(rounds):
        clock.pass_on()
        clock.lap()
        for batch in batches:
            loss = step(*batch)
        found.append(1000 * clock.lap() / len(batches))
    return {"step_ms": found, "loss": loss}


def main():
    """Runs the contestants and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--vocab-size", type=int, default=8000)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--batches", type=int, default=8, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    contestants = {"keras_transformers": ours}
    if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
        contestants["Hugging Face, PyTorch"] = hugging_face
    else:
        print("Hugging Face is left out: torch and transformers are not both installed")
    results = race(
        contestants,
        sizes=options.size,
        vocab_size=options.vocab_size,
        batches=make_batches(options.vocab_size, options.batch_size, options.batches),
        rounds=options.rounds,
    )
    reference = results["keras_transformers"]["step_ms"]
    print("| | step, ms | times as long as ours | peak memory, MB |\n| --- | --- | --- | --- |")
    for name, result in results.items():
        ratios = [a / b for a, b in zip(result["step_ms"], reference, strict=True)]
        print(
            f"| {name} | {statistics.median(result['step_ms']):.0f} "
            f"| {statistics.median(ratios):.2f} | {result['peak_mb']:,.0f} |"
        )


if __name__ == "__main__":
    main()
