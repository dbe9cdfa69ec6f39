"""Writing with a key/value cache, without one, and by Hugging Face's `generate`; a training step.

    .venv/bin/python benchmarks/translation.py

All contestants have a Transformer of the same sizes (by default 3 blocks of 256 numbers on each
side, 8 heads, 6,000 tokens in each vocabulary), random weights and the same random sentences of 6
to 24 tokens. Writing: all write the same number of tokens for each sentence, the end forbidden.
Training: the same batches, Adam, no dropout. Each contestant has a process of its own and both
cores; they take turns, a round each, and the ratios are medians of the rounds'. Hugging Face and
PyTorch join in where transformers and torch are installed.
"""

import argparse
import importlib.util
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from turns import race

START, END = 2, 3
BEAM = 4
TRAINING_STEPS = 4


def ours(clock, sizes, sentences, tokens, rounds, use_cache=True):
    """Our Transformer, searches compiled as `Translator` compiles them."""
    import tensorflow as tf

    from keras_transformers.decoding import beam_search
    from keras_transformers.models import transformer_translator
    from keras_transformers.training import MaskedCrossEntropy, create_optimizer

    vocab_size, dim, heads, ff_dim, blocks = sizes
    model = transformer_translator(
        vocab_size, vocab_size, dim, heads, ff_dim, num_blocks=blocks, rate=0.0
    )
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    source = tf.constant(sentences)

    def search(beam):
        # No token has the end's id, so that all sentences are written to the full length.
        ids = {"start_id": START, "end_id": -1, "max_length": tokens}
        writer = decoder if use_cache else WithoutCache(decoder, tokens)
        write = tf.function(
            lambda ids_in: (
                beam_search(writer, encoder(ids_in), ids_in != 0, beam=beam, **ids)
                if beam > 1
                else greedy(writer, encoder(ids_in), ids_in != 0, **ids)
            ),
            autograph=False,
        )
        return lambda: write(source)[0].numpy()

    model.compile(create_optimizer(1e-4, 10_000, 0), MaskedCrossEntropy(), jit_compile=False)
    decoder_ids = np.roll(sentences, 1, axis=1)

    def train():
        for _ in range(TRAINING_STEPS):
            model.train_on_batch((sentences, decoder_ids), sentences)

    train = train if use_cache else None  # training knows no cache
    return measure(clock, rounds, {"greedy": search(1), "beam": search(BEAM), "train": train})


def greedy(*arguments, **ids):
    """Greedy search alone; `beam_search` with one candidate adds a penalty to its scores."""
    from keras_transformers.decoding import greedy_search

    return greedy_search(*arguments, **ids)


class WithoutCache:
    """A decoder whose step computes all that has been written anew."""

    def __init__(self, decoder, length):
        self.decoder = decoder
        self.length = length

    def start(self, memory, memory_mask, length):
        from keras import ops

        written = ops.zeros((ops.shape(memory)[0], length), "int32")
        return {"memory": memory, "mask": memory_mask, "written": written}

    def step(self, ids, position, state):
        from keras import ops

        written = ops.where(ops.arange(self.length) == position, ids[:, None], state["written"])
        logits = self.decoder(
            written[:, : position + 1], state["memory"], memory_mask=state["mask"]
        )
        return logits[:, -1], state | {"written": written}


def without_cache(clock, **arguments):
    """The same without a cache."""
    return ours(clock, use_cache=False, **arguments)


def hugging_face(clock, sizes, sentences, tokens, rounds):
    """Hugging Face's Marian of the same sizes, in PyTorch."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    vocab_size, dim, heads, ff_dim, blocks = sizes
    config = MarianConfig(
        vocab_size=vocab_size,
        d_model=dim,
        encoder_layers=blocks,
        decoder_layers=blocks,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=ff_dim,
        decoder_ffn_dim=ff_dim,
        pad_token_id=0,
        eos_token_id=END,
        decoder_start_token_id=START,
        forced_eos_token_id=None,
    )
    model = MarianMTModel(config).eval()
    source = torch.tensor(sentences, dtype=torch.long)

    def search(beam):
        def write():
            with torch.inference_mode():
                ids = model.generate(
                    source,
                    attention_mask=(source != 0).long(),
                    num_beams=beam,
                    do_sample=False,
                    min_new_tokens=tokens,
                    max_new_tokens=tokens,
                )
            return ids[:, 1:].numpy()

        return write

    return measure(clock, rounds, {"greedy": search(1), "beam": search(BEAM), "train": None})


def pytorch(clock, sizes, sentences, tokens, rounds):
    """`torch.nn.Transformer` of the same sizes, trained with the same loss."""
    import torch
    from torch import nn

    vocab_size, dim, heads, ff_dim, blocks = sizes
    body = nn.Transformer(dim, heads, blocks, blocks, ff_dim, dropout=0.0, batch_first=True)
    source_table, target_table = (nn.Embedding(vocab_size, dim) for _ in range(2))
    bias = nn.Parameter(torch.zeros(vocab_size))
    modules = nn.ModuleList([body, source_table, target_table])
    optimizer = torch.optim.AdamW([*modules.parameters(), bias], 1e-4)
    source = torch.tensor(sentences, dtype=torch.long)
    decoder_ids = torch.tensor(np.roll(sentences, 1, axis=1), dtype=torch.long)
    padding = source == 0
    causal = nn.Transformer.generate_square_subsequent_mask(source.shape[1])

    def train():
        for _ in range(TRAINING_STEPS):
            optimizer.zero_grad()
            y = body(
                source_table(source) * dim**0.5,
                target_table(decoder_ids) * dim**0.5,
                tgt_mask=causal,
                src_key_padding_mask=padding,
                memory_key_padding_mask=padding,
                tgt_is_causal=True,
            )
            logits = y @ target_table.weight.T + bias
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), source.flatten(), ignore_index=0
            )
            loss.backward()
            nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
            optimizer.step()

    return measure(clock, rounds, {"greedy": None, "beam": None, "train": train})


def measure(clock, rounds, jobs):
    """Returns the seconds of each job in each round, and what greedy search wrote."""
    found = {name: [] for name, job in jobs.items() if job}
    written = None
    for name, job in jobs.items():
        if job:
            result = job()
            written = result if name == "greedy" else written
    for _ in range(rounds):
        for name in found:
            clock.pass_on()
            started = time.perf_counter()
            jobs[name]()
            found[name].append(time.perf_counter() - started)
    return found | {"shape": None if written is None else list(np.shape(written))}


def main():
    """Runs the contestants and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=32, help="to write for each sentence")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--sizes",
        type=int,
        nargs=5,
        default=[6000, 256, 8, 512, 3],
        metavar=("VOCABULARY", "DIM", "HEADS", "FF_DIM", "BLOCKS"),
    )
    options = parser.parse_args()
    contestants = {"with cache": ours, "without cache": without_cache}
    for package, name, contestant in (
        ("transformers", "Hugging Face's generate", hugging_face),
        ("torch", "PyTorch's nn.Transformer", pytorch),
    ):
        if importlib.util.find_spec(package) and importlib.util.find_spec("torch"):
            contestants[name] = contestant
        else:
            print(f"{name} is left out: {package} is not installed")

    rng = np.random.default_rng(0)
    sentences = rng.integers(4, options.sizes[0], (options.sentences, 24)).astype("int32")
    sentences[np.arange(24) >= rng.integers(6, 25, options.sentences)[:, None]] = 0
    results = race(
        contestants,
        sizes=options.sizes,
        sentences=sentences,
        tokens=options.tokens,
        rounds=options.rounds,
    )
    print_table(results)


def print_table(results):
    """Prints the medians, and how many times faster than each contestant ours is."""
    from keras_transformers.utils import markdown_table

    own, rows = results["with cache"], []
    for name, found in results.items():
        row = {"": name}
        for job, title in (("greedy", "greedy"), ("beam", f"beam {BEAM}"), ("train", "training")):
            seconds = found.get(job)
            row[f"{title}, s"] = f"{statistics.median(seconds):.3f}" if seconds else ""
            ratios = [b / a for a, b in zip(own[job], seconds or [], strict=False)]
            row[f"{title}, times ours"] = f"{statistics.median(ratios):.2f}" if ratios else ""
        rows.append(row)
    print(markdown_table(rows))


if __name__ == "__main__":
    main()
