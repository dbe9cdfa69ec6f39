"""Trainings on JAX and PyTorch; what they save opens on TensorFlow and computes the same."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest

from keras_transformers.models import load_classifier, load_translator
from keras_transformers.utils import read_json

TEXTS = ["The striker scored twice.", "Shares fell on Monday", ""]
DATES = ["3 May 2021", "the 4th of June"]
NO_TORCH = importlib.util.find_spec("torch") is None
BACKENDS = [
    "jax",
    pytest.param("torch", marks=pytest.mark.skipif(NO_TORCH, reason="PyTorch is not installed")),
]
ON_IT = """
import sys
import numpy as np
from keras_transformers.data import date_pairs
from keras_transformers.models import load_classifier
from keras_transformers.training import train_translator

directory, *texts = sys.argv[1:]
np.save(f"{directory}/probabilities.npy", load_classifier(directory).predict_texts(texts))
translator, _ = train_translator(
    date_pairs(train=100, valid=10, test=10), f"{directory}/translator", model="rnn-attention",
    epochs=1, embed_dim=8, units=8, verbose=0,
)
print(*translator.translate(["3 May 2021", "the 4th of June"], beam=2), sep="\\n")
"""
UNKNOWN_ID = """
import sys
import numpy as np
from keras_transformers.models import BertEncoder, encoder_classifier
from keras_transformers.training import cached_features

encoder = encoder_classifier(BertEncoder(64, 1, 8, 2, 16, 8)).get_layer("features")
cached_features(encoder, [np.array([2, 300, 3])], sys.argv[1], progress=False)
"""


def on(backend, *command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_trained_elsewhere_opens_on_tensorflow(news_directory, tmp_path, backend):
    command = ["-m", "keras_transformers", "train", "from-scratch", "--data", news_directory]
    options = ["--epochs", 2, "--embed-dim", 8, "--ff-dim", 8, "--output", tmp_path]
    trained = on(backend, *command, *options)
    assert trained.returncode == 0, trained.stderr
    used = on(backend, "-c", ON_IT, tmp_path, *TEXTS)
    assert used.returncode == 0, used.stderr
    ours = load_classifier(tmp_path).predict_texts(TEXTS)
    np.testing.assert_allclose(ours, np.load(tmp_path / "probabilities.npy"), rtol=0, atol=1e-5)
    assert len(np.unique(ours.round(4), axis=0)) == len(TEXTS)
    translator = load_translator(tmp_path / "translator")
    assert translator.translate(DATES, beam=2) == used.stdout.splitlines()[-2:]


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_features_of_ids_that_the_encoder_does_not_know(tmp_path, backend):
    refused = on(backend, "-c", UNKNOWN_ID, tmp_path)
    assert refused.stderr.splitlines()[-1].startswith("ValueError: `sequences` must be of ids")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_saved_model_of_tensorflow_is_refused_in_one_line(news_directory, tiny_pair, tmp_path):
    command = ["-m", "keras_transformers", "train", "frozen-bert", "--data", news_directory]
    refused = on("jax", *command, "--encoder", tiny_pair, "--output", tmp_path / "run")
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("keras-transformers: error: `HubLayer` runs")
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_command_line_chooses_the_backend(news_directory, tmp_path, backend):
    sizes = ["--size", "tiny", "--steps", 100, "--batch-size", 8, "--max-length", 12]
    command = ["-m", "keras_transformers", "--backend", backend]
    trained = on(
        "tensorflow", *command, "pretrain", "--data", news_directory, "--output", tmp_path, *sizes
    )
    assert trained.returncode == 0, trained.stderr
    assert backend in read_json(tmp_path / "metrics.json")["versions"]
    guesses = [
        on(there, "-m", "keras_transformers", "fill-mask", tmp_path, "the [MASK] of rain")
        for there in ("tensorflow", backend)
    ]
    assert guesses[0].returncode == 0, guesses[0].stderr
    assert guesses[0].stdout == guesses[1].stdout != ""
