"""What each fast form of the layers buys: a step without it against one with all of them.

    .venv/bin/python benchmarks/fast_forms.py

Two models on random ids: the lesson's classifier, batches of 128 texts of 40 words, and a BERT of 4
layers and 128 numbers whose pooled output is classified, batches of 64 texts of 48 tokens. The
variants take turns, step by step, and each step is compared with that of the same round with all
forms; the figures are medians.
"""

import argparse
import contextlib
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def lesson():
    """The from-scratch classifier and a batch for it."""
    import numpy as np

    from keras_transformers.models import transformer_classifier
    from keras_transformers.training import FusedAdam
    from keras_transformers.training.compile_classifier import compile_classifier

    model = transformer_classifier()
    compile_classifier(model, FusedAdam(1e-4))
    rng = np.random.default_rng(0)
    return model, rng.integers(1, 20_000, (128, 40)), rng.integers(0, 4, 128)


def bert():
    """A small BERT with its classifier, all of it trained, and a batch for it."""
    import numpy as np

    from keras_transformers.models import BertEncoder, encoder_classifier
    from keras_transformers.text import bert_inputs
    from keras_transformers.training import create_optimizer
    from keras_transformers.training.compile_classifier import compile_classifier

    model = encoder_classifier(BertEncoder(30_522, 4, 128, 2, 512), trainable=True)
    compile_classifier(model, create_optimizer(3e-5, 10_000, 1_000))
    rng = np.random.default_rng(0)
    return model, bert_inputs(rng.integers(1, 30_522, (64, 48))), rng.integers(0, 4, 64)


def measure(make_model, variants: dict, rounds: int) -> list[dict]:
    """Returns a row of the table for each variant, the first of them the one compared with."""
    steps = {"training step": {}, "forward pass": {}}
    for name, forms in variants.items():
        with forms:  # traced in here
            model, inputs, labels = make_model()
            model.train_on_batch(inputs, labels)
            model.predict_on_batch(inputs)
        steps["training step"][name] = lambda m=model, x=inputs, y=labels: m.train_on_batch(x, y)
        steps["forward pass"][name] = lambda m=model, x=inputs: m.predict_on_batch(x)
    rows = {name: {"": name} for name in variants}
    for kind, takers in steps.items():
        seconds = {name: [] for name in variants}
        for _ in range(rounds):
            for name, take in takers.items():
                started = time.perf_counter()
                take()
                seconds[name].append(time.perf_counter() - started)
        base = seconds[next(iter(variants))]
        for name, times in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(times, base, strict=True))
            rows[name][f"{kind}, ms"] = f"{1000 * statistics.median(times):.1f}"
            rows[name][f"{kind}, longer by"] = f"{ratio - 1:+.1%}"
    return list(rows.values())


def main():
    """Prints a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=60, help="steps of each variant")
    options = parser.parse_args()

    import tensorflow as tf

    from keras_transformers.layers import plain
    from keras_transformers.layers.fast import FORMS
    from keras_transformers.utils import markdown_table

    tf.get_logger().setLevel("ERROR")  # it would note that each variant is traced
    for make_model in (lesson, bert):
        variants = {
            "all fast": contextlib.nullcontext(),
            **{f"without {form}": plain(form) for form in FORMS},
            "all plain": plain(),
        }
        print(f"\n{make_model.__name__}\n")
        print(markdown_table(measure(make_model, variants, options.rounds)))


if __name__ == "__main__":
    main()
