"""Pre-training: learns, leaves a checkpoint, can be killed and resumed to the same weights."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from keras_transformers.data import Texts, load_news
from keras_transformers.models import BertEncoder, fill_mask, masked_language_model
from keras_transformers.training import MaskedCrossEntropy, pretrain
from keras_transformers.training.fit import fit
from keras_transformers.training.pretrain import evaluate_masked_lm

# The package offers a function of that name.
MODULE = importlib.import_module("keras_transformers.training.pretrain")
AS_COMMAND = """
import sys
from keras_transformers.cli import main

sys.modules["keras_transformers.training.pretrain"].STEPS_BETWEEN_CHECKPOINTS = 10
sys.exit(main(sys.argv[1:]))
"""
# Each backend has random numbers of its own.
SAME_WEIGHTS = """
import sys
import numpy as np
from keras_transformers.training import pretrain

module = sys.modules["keras_transformers.training.pretrain"]
build = module.masked_language_model

def build_the_same(*arguments):
    model = build(*arguments)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.02, w.shape) + (w.ndim == 1) for w in model.get_weights()])
    return model

module.masked_language_model = build_the_same
"""
SETTINGS = {"size": "tiny", "vocab_size": 300, "steps": 20, "batch_size": 16, "max_length": 24}


@pytest.fixture(scope="module", autouse=True)
def short():
    """Checkpoints after so few steps that a test can wait for several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "STEPS_BETWEEN_CHECKPOINTS", 10)
        yield


@pytest.fixture(scope="module")
def texts():
    sample = load_news("sample").train_texts[:100]
    return Texts("some of the sample", lambda: iter(sample))


@pytest.fixture(scope="module")
def trained(texts, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "new" / "run"
    return directory, *pretrain(texts, directory, verbose=0, **SETTINGS)


def test_leaves_a_checkpoint_and_its_results(trained):
    directory, model, metrics = trained
    assert {path.name for path in directory.iterdir() if path.is_file()} == {
        "config.json",
        "model.safetensors",
        "vocab.txt",
        "tokenizer_config.json",
        "metrics.json",
        "training.png",
    }
    assert json.loads((directory / "metrics.json").read_text()) == metrics
    again = masked_language_model(directory)
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert fill_mask(again, "The [MASK]") == fill_mask(model, "The [MASK]")
    assert BertEncoder.from_pretrained(directory).max_positions == 24


def test_what_it_trained_on(trained):
    data = trained[2]["data"]
    assert data["source"] == "some of the sample"
    # Long texts are divided, none is cut.
    assert data["train_rows"] + data["held_out_rows"] > 200
    assert data["held_out_rows"] == int(0.05 * (data["train_rows"] + data["held_out_rows"]))
    assert data["vocabulary"] == len(trained[1].tokenizer.vocabulary) <= 300


def test_learns(texts, tmp_path):
    _, metrics = pretrain(
        texts, tmp_path, verbose=0, **SETTINGS | {"steps": 60, "learning_rate": 5e-3}
    )
    losses = [epoch["val_loss"] for epoch in metrics["epochs"]]
    assert len(losses) == 6
    assert losses[-1] < losses[0] < np.log(metrics["data"]["vocabulary"])
    assert metrics["test"]["perplexity"] == pytest.approx(np.exp(metrics["test"]["loss"]))


def test_measures_every_masked_token_alike(trained):
    model = trained[1]
    batches = [
        ({"input_word_ids": np.array([[2, 9, 4, 3]]), "masked_positions": np.array([[2]])}, [[8]]),
        (
            {"input_word_ids": np.array([[2, 4, 4, 3, 0]]), "masked_positions": [[1, 2, 0]]},
            [[7, 9, 0]],
        ),
    ]
    batches = [({n: np.array(a) for n, a in x.items()}, np.array(y)) for x, y in batches]

    class Batches:
        as_numpy_iterator = staticmethod(lambda: iter(batches))

    measured = evaluate_masked_lm(model, Batches)
    losses = [float(MaskedCrossEntropy()(y, model(x))) for x, y in batches]
    assert measured["tokens"] == 3
    assert measured["loss"] == pytest.approx((losses[0] + 2 * losses[1]) / 3, rel=1e-5)
    assert measured["accuracy"] in (0, 1 / 3, 2 / 3, 1)


def test_stopped_and_resumed_it_ends_with_the_same_weights(trained, texts, tmp_path, monkeypatch):
    def stopped(*arguments, epochs, **options):
        fit(*arguments, epochs=1, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("keras_transformers.training.run_directory.fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            pretrain(texts, tmp_path, verbose=0, **SETTINGS)
    # What was learned before the stop is not learned again.
    monkeypatch.setattr(MODULE, "learn_vocabulary", None)
    parts, metrics = pretrain(texts, tmp_path, resume=True, verbose=0, **SETTINGS)
    assert len(metrics["epochs"]) == 2
    for ours, theirs in zip(parts.get_weights(), trained[1].get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_in_half_precision_the_weights_stay_whole(texts, tmp_path, precision):
    model, metrics = pretrain(
        texts, tmp_path, verbose=0, **SETTINGS | {"steps": 10, "mixed_precision": precision}
    )
    assert {w.dtype for w in model.weights} == {"float32"}
    assert model.compute_dtype == precision
    assert np.isfinite(metrics["test"]["loss"])


@pytest.mark.slow
def test_whole_words_and_sizes_train(texts, tmp_path):
    for size in ("mini", "small"):
        _, metrics = pretrain(
            texts, tmp_path / size, verbose=0, **SETTINGS | {"size": size, "whole_words": True}
        )
        assert np.isfinite(metrics["test"]["loss"])


@pytest.mark.slow
def test_on_jax_it_ends_with_the_same_weights(texts, trained, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(texts), encoding="utf-8")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    runs = {}
    for backend in ("tensorflow", "jax"):
        command = [sys.executable, "-c", SAME_WEIGHTS + AS_COMMAND, "pretrain", *options]
        command += ["--steps=50", f"--data={file}"]
        subprocess.run(
            [*command, f"--output={tmp_path / backend}"],
            env={**os.environ, "KERAS_BACKEND": backend},
            check=True,
            capture_output=True,
        )
        runs[backend] = masked_language_model(tmp_path / backend)
        metrics = json.loads((tmp_path / backend / "metrics.json").read_text())
        assert metrics["versions"].keys() == {"keras_transformers", "keras", backend}
    weights = (model.get_weights() for model in runs.values())
    for ours, theirs in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.slow
def test_killed_it_is_resumed_to_the_same_weights(texts, trained, tmp_path):
    file = tmp_path / "texts.txt"
    file.write_text("\n".join(texts), encoding="utf-8")
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    options += ["--steps=40", f"--data={file}"]

    def command(output, *more):
        return [sys.executable, "-c", AS_COMMAND, "pretrain", *options, f"--output={output}", *more]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    process = subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.DEVNULL)
    state = tmp_path / "killed" / "checkpoint" / "state.npz"
    deadline = time.time() + 300
    while not state.exists() and time.time() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    subprocess.run(command(tmp_path / "killed", "--resume"), check=True, capture_output=True)
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": "huge"}, "`size` must be one of tiny, mini, small"),
        ({"steps": 0}, "`steps` must be a positive integer"),
        ({"max_length": 2}, "`max_length` must be an integer of at least 3"),
        ({"rate": 1.0}, r"`rate` must be a number in \[0, 1\)"),
    ],
)
def test_refusals(texts, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        pretrain(texts, tmp_path, **SETTINGS | settings)


@pytest.mark.parametrize(
    ("texts", "message"), [([], "must hold words"), (["rain"], "must hold at least two texts")]
)
def test_too_few_texts_are_refused(tmp_path, texts, message):
    with pytest.raises(ValueError, match=message):
        pretrain(Texts("few", lambda: iter(texts)), tmp_path, **SETTINGS)


def test_resumed_with_other_arguments_it_is_refused(trained, texts):
    with pytest.raises(ValueError, match="steps was 20 and is 30"):
        pretrain(texts, trained[0], resume=True, **SETTINGS | {"steps": 30})
