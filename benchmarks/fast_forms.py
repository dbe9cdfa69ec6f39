"""What each fast form of the layers buys: a training step without it against one with all.

    .venv/bin/python benchmarks/fast_forms.py

Two models, the lesson's classifier (batches of 128 texts of 40 words) and a BERT of 4 layers and
128 numbers that is fine-tuned (batches of 32 texts of 64 tokens), on random ids. The variants take
turns, step by step; the figures are medians.
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
    ids = rng.integers(1, 30_522, (32, 64))
    return model, bert_inputs(ids), rng.integers(0, 4, 32)


def step_times(make_model, variants: dict, steps: int) -> dict:
    """Returns the median seconds of a training step of each variant."""
    takes_step = {}
    for name, forms in variants.items():
        with forms:
            model, inputs, labels = make_model()
            model.train_on_batch(inputs, labels)  # traced here, inside `plain`
        takes_step[name] = lambda model=model, x=inputs, y=labels: model.train_on_batch(x, y)
    seconds = {name: [] for name in variants}
    for _ in range(steps):
        for name, take_step in takes_step.items():
            started = time.perf_counter()
            take_step()
            seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main():
    """Prints a table for each model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=150, help="steps of each variant")
    options = parser.parse_args()

    from keras_transformers.layers import plain
    from keras_transformers.layers.fast import FORMS
    from keras_transformers.utils import markdown_table

    for make_model in (lesson, bert):
        variants = {
            "all fast": contextlib.nullcontext(),
            **{f"without {form}": plain(form) for form in FORMS},
            "all plain": plain(),
        }
        times = step_times(make_model, variants, options.steps)
        fastest = times["all fast"]
        print(f"\n{make_model.__name__}\n")
        rows = [
            {
                "": name,
                "step, ms": f"{1000 * seconds:.2f}",
                "longer by": f"{seconds / fastest - 1:.1%}",
            }
            for name, seconds in times.items()
        ]
        print(markdown_table(rows))


if __name__ == "__main__":
    main()
