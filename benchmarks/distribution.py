"""How far a training on several devices or processes ends from that on one.

    .venv/bin/python benchmarks/distribution.py [--data DIR]

Each training takes 50 steps (pre-training 100) while the CPU plays several devices. The Markdown
table has the largest difference between two weights, in brackets the median of the largest of each
array; the last column compares the two backends, on one device, from the same weights and without
dropout. Then how long a further epoch of the from-scratch classifier, on the sample or AG News,
takes on JAX and on TensorFlow, alternating.
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


def main(data: str) -> None:
    from keras_transformers.utils import markdown_table

    with tempfile.TemporaryDirectory() as directory:
        rows = [compare(name, Path(directory, name)) for name in TRAININGS]
        print(f"\n{markdown_table(rows)}\n", flush=True)
        seconds = {"jax": [], "tensorflow": []}
        for _ in range(ROUNDS):
            for backend, measured in seconds.items():
                output = run("further-epoch", Path(directory), data, KERAS_BACKEND=backend)
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
        row[place] = difference(place, found, expected[backend])
    by_tensorflow, by_jax = (
        weights(name, directory / f"same-{backend}", backend, "none", 1, 1, SAME_START="1")
        for backend in ("tensorflow", "jax")
    )
    place = "JAX against TensorFlow"
    return row | {place: difference(place, by_jax, by_tensorflow)}


def difference(place, found, expected):
    """Returns the largest difference between two weights, and the median of those of all arrays."""
    differences = {path: np.abs(found[path] - x).max() for path, x in expected.items()}
    largest = max(differences, key=differences.get)
    words = f"{differences[largest]:.0e} ({np.median([*differences.values()]):.0e})"
    print(f"  {place}: {words}, most in {largest}", flush=True)
    return words


def weights(name, directory, backend, distribute, devices, processes, **env):
    """Returns the weights with which a training ends, by their places and paths."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    env |= {
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


def start(name, directory, option, **env):
    directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, name, str(directory), option]
    return subprocess.Popen(
        command, env=os.environ | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(process):
    output, errors = process.communicate()
    if process.returncode:
        raise SystemExit(errors)
    return output


def run(name, directory, option, **env):
    return finish(start(name, directory, option, **env))


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
    options = {"verbose": 0, "distribute": None if distribute == "none" else distribute}
    same_start = "SAME_START" in os.environ
    if same_start:
        start_from_the_same()
        # The backends else choose other lengths for the batches.
        options |= {"jit": True} if name in ("from-scratch", "hf-bert --fine-tune") else {}
    # TensorFlow's devices draw their dropout each for itself, as do the backends.
    rate = 0.1 if keras.backend.backend() == "jax" and not same_start else 0.0
    model = TRAININGS[name](directory, rate, **options)
    named = {f"{i}/{weight.path}": weight.numpy() for i, weight in enumerate(model.weights)}
    np.savez(f"{directory}.npz", **named)


def start_from_the_same():
    """Makes every training begin with weights that NumPy draws."""
    import keras

    fit = keras.Model.fit

    def fit_from_the_same(model, *args, **kwargs):
        rng = np.random.default_rng(0)
        shapes = [weight.shape for weight in model.weights]
        model.set_weights([rng.normal(0, 0.02, shape) + (len(shape) == 1) for shape in shapes])
        return fit(model, *args, **kwargs)

    keras.Model.fit = fit_from_the_same


def further_epoch(data: str) -> None:
    """Prints the seconds of an epoch once all is compiled, the shortest of three."""
    from keras_transformers.data import load_news
    from keras_transformers.training import train_from_scratch

    with tempfile.TemporaryDirectory() as directory:
        _, metrics = train_from_scratch(load_news(data), directory, epochs=4, verbose=0)
    print(min(epoch["seconds"] for epoch in metrics["epochs"][1:]))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main("sample")
        case ["--data", data]:
            main(data)
        case ["further-epoch", _, data]:
            further_epoch(data)
        case [name, directory, distribute]:
            train(name, directory, distribute)
