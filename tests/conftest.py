import csv
import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
from support.data import real_data

ANOTHER_PROCESS = """
import sys
import traceback
import keras
import numpy as np
import keras_transformers.layers

for line in sys.stdin:
    model, inputs, outputs = line.rstrip().split("\\t")
    try:
        model = keras.saving.load_model(model)
        inputs = [array for _, array in sorted(np.load(inputs).items())]
        predicted = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        np.savez(outputs, *keras.tree.flatten(predicted))
        answer = "done"
    except Exception:
        answer = repr(traceback.format_exc())
    print("answer", answer, flush=True)
"""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Seeds each test, before its fixtures, so that one that fails fails again by itself."""
    keras.utils.set_random_seed(0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def another_process():
    """One that knows nothing of the tests' objects; all of them share it, for it starts slowly."""
    process = subprocess.Popen(
        [sys.executable, "-c", ANOTHER_PROCESS],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield process
    process.kill()


@pytest.fixture
def predict_in_another_process(another_process, tmp_path):
    """Saves a model as `.keras` and returns the list of what another process predicts with it."""

    def predict(model, *inputs):
        paths = [str(tmp_path / name) for name in ("model.keras", "inputs.npz", "outputs.npz")]
        model.save(paths[0])
        np.savez(paths[1], *inputs)
        print(*paths, sep="\t", file=another_process.stdin, flush=True)
        lines = iter(another_process.stdout.readline, "")
        answer = next((line for line in lines if line.startswith("answer ")), "it ended")
        assert answer == "answer done\n", answer
        return [array for _, array in sorted(np.load(paths[2]).items())]

    return predict


@pytest.fixture
def offline(monkeypatch, tmp_path_factory):
    """No network, and nothing of TensorFlow Hub's or Hugging Face's in a cache."""

    def refuse(*arguments, **options):
        raise socket.gaierror("no network")

    base = tmp_path_factory.getbasetemp()
    for variable in ("TFHUB_CACHE_DIR", "HF_HUB_CACHE"):
        monkeypatch.setenv(variable, str(base / "empty cache"))
    # One for all tests, and all processes of theirs: to export an encoder takes a while.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    monkeypatch.setenv("KERAS_HOME", str(shared / "keras"))
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def run(capsys):
    """Runs a command of the command line; gives its exit code and what it printed."""
    from keras_transformers import cli

    def run(*arguments):
        capsys.readouterr()
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as error:  # argparse's way
            code = error.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def news_directory(tmp_path_factory):
    """A directory with some of the sample's rows, in AG News' layout."""
    from keras_transformers.data import load_news

    sample = load_news("sample")
    directory = tmp_path_factory.mktemp("news")
    for name, texts, labels in (
        ("train.csv", sample.train_texts[:200], sample.train_labels),
        ("test.csv", sample.test_texts[:40], sample.test_labels),
    ):
        with open(directory / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                (label + 1, "", text) for text, label in zip(texts, labels, strict=False)
            )
    return directory


@pytest.fixture(scope="session")
def minilm():
    return real_data("models", "all-MiniLM-L6-v2")


@pytest.fixture(scope="session")
def tiny_pair(tmp_path_factory):
    """A directory with a tiny BERT of random weights and its preprocessing model."""
    from keras_transformers.hub import export_to_hub

    directory = tmp_path_factory.mktemp("hub") / "tiny"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", "rain", "##s", "sun"]
    vocabulary = directory.parent / "vocab.txt"
    vocabulary.write_text("\n".join(words) + "\n")
    config = {
        "model_type": "bert",
        "vocab_size": len(words),
        "num_hidden_layers": 2,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 140,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "initializer_range": 0.5,
    }
    export_to_hub(config, directory, vocab_file=vocabulary)
    return directory
