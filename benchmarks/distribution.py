"""How far a training on several devices or processes ends from that on one.

    .venv/bin/python benchmarks/distribution.py

Each training takes 50 steps (pre-training 100) while the CPU plays several devices. The Markdown
table has the largest difference between two weights, in brackets the median of the largest of each
array. Then how long a further epoch of the from-scratch classifier takes on JAX and on TensorFlow,
alternating.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

# Backend, what is divided, devices, processes.
PLACES = {
    "JAX, 2 devices": ("jax", "data", 2, 1),
    "JAX, 8 devices": ("jax", "data", 8, 1),
    "JAX, 2 processes": ("jax", "data", 2, 2),
    "JAX, weights over 2 devices": ("jax", "model", 2, 1),
    "TensorFlow, 2 devices": ("tensorflow", "data", 2, 1),
    "TensorFlow, 8 devices": ("tensorflow", "data", 8, 1),
}
ROUNDS = 3


def main() -> None:
    from keras_transformers.utils import markdown_table

    with tempfile.TemporaryDirectory() as directory:
        rows = [compare(name, Path(directory, name)) for name in TRAININGS]
        print(f"\n{markdown_table(rows)}\n", flush=True)
        seconds = {"jax": [], "tensorflow": []}
        for _ in range(ROUNDS):
            for backend, measured in seconds.items():
                output = run("further-epoch", Path(directory), "none", KERAS_BACKEND=backend)
                measured.append(float(output.splitlines()[-1]))
    jax, tensorflow = (statistics.median(seconds[backend]) for backend in seconds)
    print(
        f"a further epoch: JAX {jax:.2f} s, TensorFlow {tensorflow:.2f} s, {jax / tensorflow:.2f}"
    )


def compare(name: str, directory: Path) -> dict[str, str]:
    """Runs a training in every place; returns a row of the table."""
    row = {"training": name}
    print(name, flush=True)
    expected = {}
    for place, (backend, *where) in PLACES.items():
        if backend not in expected:
            expected[backend] = weights(name, directory / backend, backend, "none", 1, 1)
        found = weights(name, directory / place, backend, *where)
        differences = {path: np.abs(found[path] - x).max() for path, x in expected[backend].items()}
        largest = max(differences, key=differences.get)
        row[place] = f"{differences[largest]:.0e} ({np.median([*differences.values()]):.0e})"
        print(f"  {place}: {row[place]}, most in {largest}", flush=True)
    return row


def weights(name, directory, backend, distribute, devices, processes):
    """Returns the weights with which a training ends, by their places and paths."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    env = {
        "KERAS_BACKEND": backend,
        "LOGICAL_CPUS": str(devices),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices // processes}",
    }
    several = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": address,
        "KERAS_DISTRIBUTION_NUM_PROCESSES": str(processes),
    }
    running = []
    for number in range(processes):
        where = several | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)} if processes > 1 else {}
        running.append(start(name, directory / str(number), distribute, **env, **where))
    for process in running:
        finish(process)
    with np.load(directory / "0.npz") as kept:
        return dict(kept)


def start(name, directory, distribute, **env):
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, name, str(directory), distribute]
    return subprocess.Popen(
        command, env=os.environ | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process):
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors)
    return output


def run(name, directory, distribute, **env):
    return finish(start(name, directory, distribute, **env))


def from_scratch(directory, rate, **options):
    from keras_transformers.data import load_news
    from keras_transformers.training import train_from_scratch

    model, _ = train_from_scratch(
        load_news("sample"), directory, epochs=1, batch_size=16, maxlen=32, rate=rate, **options
    )
    return model


def hf_bert(directory, fine_tuned, rate, **options):
    from keras_transformers.data import load_news
    from keras_transformers.models import bert_classifier
    from keras_transformers.training import fine_tune, train_frozen

    news = load_news("sample")
    model = bert_classifier(
        "news-small-bert",
        trainable=fine_tuned,
        pooling="mean",
        rate=rate,
        max_length=32,
        class_names=news.class_names,
    )
    options |= {"arguments": {}, "epochs": 1, "batch_size": 16}
    if fine_tuned:
        fine_tune(model, news, directory, validation_split=0, **options)
    else:
        train_frozen(model, news, directory, **options)
    return model


def frozen(directory, rate, **options):
    return hf_bert(directory, False, rate, **options)


def fine_tuned(directory, rate, **options):
    return hf_bert(directory, True, rate, **options)


def translator(directory, rate, **options):
    from keras_transformers.data import date_pairs
    from keras_transformers.training import train_translator

    pairs = date_pairs(train=1600, valid=64, test=8)
    sizes = {"embed_dim": 32, "ff_dim": 64, "batch_size": 32, "rate": rate}
    model, _ = train_translator(pairs, directory, epochs=1, **sizes, **options)
    return model


def pretraining(directory, _, **options):
    from keras_transformers.data import load_texts
    from keras_transformers.training import pretrain

    sizes = {"size": "tiny", "steps": 100, "batch_size": 16, "max_length": 32}
    model, _ = pretrain(load_texts("sample"), directory, **sizes, **options)
    return model


TRAININGS = {
    "from-scratch": from_scratch,
    "hf-bert": frozen,
    "hf-bert --fine-tune": fine_tuned,
    "translator": translator,
    "pretrain": pretraining,
}


def train(name: str, directory: str, distribute: str) -> None:
    """Runs one training in this process and keeps its weights."""
    import keras
    import tensorflow as tf

    from keras_transformers.distribution import join_processes

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * int(os.environ["LOGICAL_CPUS"]),
    )
    join_processes()
    keras.utils.set_random_seed(0)
    # TensorFlow's devices draw their dropout each for itself.
    rate = 0.1 if keras.backend.backend() == "jax" else 0.0
    options = {"verbose": 0, "distribute": None if distribute == "none" else distribute}
    model = TRAININGS[name](directory, rate, **options)
    named = {f"{i}/{weight.path}": weight.numpy() for i, weight in enumerate(model.weights)}
    np.savez(f"{directory}.npz", **named)


def further_epoch() -> None:
    """Prints the seconds of an epoch once all is compiled, the shortest of three."""
    from keras_transformers.data import load_news
    from keras_transformers.training import train_from_scratch

    with tempfile.TemporaryDirectory() as directory:
        _, metrics = train_from_scratch(load_news("sample"), directory, epochs=4, verbose=0)
    print(min(epoch["seconds"] for epoch in metrics["epochs"][1:]))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["further-epoch", *_]:
            further_epoch()
        case [name, directory, distribute]:
            train(name, directory, distribute)
