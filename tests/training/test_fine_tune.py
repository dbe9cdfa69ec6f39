"""Fine-tuning: against a plain loop, killed and taken up again, and what may be chosen."""

import json
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_transformers.cli import main
from keras_transformers.data import bucketed_batches, load_news
from keras_transformers.hub import hub_classifier
from keras_transformers.models import bert_classifier
from keras_transformers.text import bert_inputs
from keras_transformers.training import create_optimizer, fine_tune

SETTINGS = {"epochs": 2, "batch_size": 16, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def news(news_directory):
    return load_news(news_directory)


def build(pair, **options):
    keras.utils.set_random_seed(0)
    return bert_classifier(pair, trainable=True, pooling="mean", max_length=12, **options)


def tune(model, news, directory, **settings):
    return fine_tune(model, news, directory, arguments={}, verbose=0, **(SETTINGS | settings))


def differences(model, other):
    return [
        np.abs(a - b).max() for a, b in zip(model.get_weights(), other.get_weights(), strict=True)
    ]


def test_equals_a_plain_loop(tiny_pair, news, tmp_path):
    model = build(tiny_pair)
    metrics = tune(model, news, tmp_path, validation_split=0)

    plain = build(tiny_pair)
    sequences = plain.tokenizer.encode(news.train_texts)
    optimizer = create_optimizer(1e-3, num_train_steps=26, num_warmup_steps=2)
    plain.classifier.compile(optimizer, "sparse_categorical_crossentropy")
    batches = bucketed_batches(sequences, news.train_labels, batch_size=16, seed=0)
    for _ in range(2):
        for ids, labels in batches:
            plain.classifier.train_on_batch(bert_inputs(ids), labels)
    assert max(differences(model, plain)) < 1e-6
    assert max(differences(model, build(tiny_pair))) > 1e-3
    assert int(model.classifier.optimizer.iterations) == 26
    assert "best_epoch" not in metrics["arguments"]


@pytest.fixture(scope="module")
def tuned(tiny_pair, news, tmp_path_factory):
    """The model, metrics and directory of a fine-tuning with validation, the head trained first."""
    directory = tmp_path_factory.mktemp("tuned")
    model = build(tiny_pair)
    return model, tune(model, news, directory, head_epochs=2, weight_decay=0.3), directory


def test_every_weight_is_trained(tuned, tiny_pair):
    changed = dict(
        zip(
            (w.path for w in tuned[0].weights), differences(tuned[0], build(tiny_pair)), strict=True
        )
    )
    # Mean pooling leaves the pooler out.
    assert all((change == 0) == ("pooler" in path) for path, change in changed.items()), changed
    assert tuned[1]["trainable_weights"] == tuned[1]["weights"]


def test_leaves_the_best_epoch_and_its_record(tuned, news):
    model, metrics, directory = tuned
    accuracies = [epoch["val_accuracy"] for epoch in metrics["epochs"]]
    assert len(accuracies) == 2
    assert metrics["arguments"]["best_epoch"] == 1 + int(np.argmax(accuracies))
    assert json.loads((directory / "metrics.json").read_text()) == metrics
    again = keras.saving.load_model(directory / "model.keras")
    texts = [*news.test_texts, "", "rains " * 500]
    np.testing.assert_allclose(again.predict_texts(texts), model.predict_texts(texts), atol=1e-6)


def test_the_optimizer_has_the_settings_asked_for(tuned):
    optimizer = tuned[0].classifier.optimizer
    assert optimizer.weight_decay == 0.3
    # 180 of the 200 texts are trained on: 12 steps an epoch.
    schedule = optimizer._learning_rate.get_config()
    assert (schedule["num_train_steps"], schedule["num_warmup_steps"]) == (24, 2)


@pytest.mark.slow
def test_a_trained_head_begins_with_a_lower_loss(tuned, tiny_pair, news, tmp_path):
    without = tune(build(tiny_pair), news, tmp_path, epochs=1, learning_rate=1e-9)
    headed = tune(
        build(tiny_pair), news, tmp_path / "b", epochs=1, learning_rate=1e-9, head_epochs=30
    )
    assert headed["epochs"][0]["loss"] < without["epochs"][0]["loss"] - 0.01


@pytest.mark.slow
def test_a_saved_model_is_fine_tuned_too(tiny_pair, news, tmp_path):
    keras.utils.set_random_seed(0)
    pair = [str(tiny_pair / part) for part in ("preprocessor", "encoder")]
    model = hub_classifier(*pair, trainable=True, pooling="mean")
    before = [weight.numpy() for weight in model.trainable_weights]
    tune(model, news, tmp_path, epochs=1)
    pairs = zip(model.trainable_weights, before, strict=True)
    changed = [np.abs(weight - start).max() > 0 for weight, start in pairs]
    # All but the pooler, which mean pooling leaves out, and keys' biases, which change nothing.
    assert len(changed) > 30
    assert np.mean(changed) > 0.8
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=False)
    np.testing.assert_allclose(
        again.predict_texts(news.test_texts), model.predict_texts(news.test_texts), atol=1e-6
    )


@pytest.mark.slow
def test_compiled_by_xla_it_learns_the_same(tiny_pair, news, tmp_path):
    # Without dropout, whose random numbers differ.
    models = [build(tiny_pair, rate=0.0) for _ in range(2)]
    for model, jit in zip(models, (False, True), strict=True):
        encoder = model.classifier.get_layer("features").get_layer("encoder")
        for layer in encoder._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        tune(model, news, tmp_path / str(jit), epochs=1, jit=jit)
    assert max(differences(*models)) < 1e-4


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("epochs", 0, "`epochs` must be a positive integer"),
        ("batch_size", 0, "`batch_size` must be a positive integer"),
        ("weight_decay", -0.1, "`weight_decay` must be a number of at least 0"),
        ("validation_split", 1.0, "`validation_split` must be a number in"),
        ("validation_split", 0.001, "`validation_split` must leave texts of every class"),
        ("warmup", 1.5, "`warmup` must be a number in"),
        ("learning_rate", 0.0, "`learning_rate` must be a positive number"),
    ],
)
def test_wrong_arguments(tiny_pair, news, tmp_path, name, value, message):
    with pytest.raises(ValueError, match=message):
        tune(build(tiny_pair), news, tmp_path, **{name: value})


# --- killed ----------------------------------------------------------------------------------

KILLED_IN_ITS_LAST_EPOCH = """
import os, signal, sys
import keras
from keras_transformers.cli import main

fit = keras.Model.fit

class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.model.name != "head" and self.epoch == 1 and batch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

def fit_and_be_killed(self, *args, callbacks=(), **options):
    return fit(self, *args, callbacks=[*callbacks, Kill()], **options)

keras.Model.fit = fit_and_be_killed
main(sys.argv[1:])
"""


UNDISTURBED = "import sys; from keras_transformers.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_killed_and_resumed_it_ends_as_if_it_had_not_been(
    tiny_pair, news_directory, tmp_path, precision
):
    command = ["train", "fine-tuned-bert", "--data", news_directory, "--encoder", tiny_pair]
    command += ["--epochs", 2, "--head-epochs", 2, "--learning-rate", 0.001, "--seed", 3]
    if precision != "float32":
        command += ["--mixed-precision", precision]

    def run(code, output):
        arguments = map(str, [*command, "--output", output, "--resume"])
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )

    killed = run(KILLED_IN_ITS_LAST_EPOCH, tmp_path / "killed")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (tmp_path / "killed" / "metrics.json").exists()
    for output in ("killed", "whole"):
        process = run(UNDISTURBED, tmp_path / output)
        assert process.returncode == 0, process.stderr
    ends = [
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("killed", "whole")
    ]
    for name in ("loss", "val_loss", "val_accuracy"):
        values = [[epoch[name] for epoch in metrics["epochs"]] for metrics in ends]
        assert values[0] == pytest.approx(values[1], abs=1e-5)
    models = [
        keras.saving.load_model(tmp_path / name / "model.keras", compile=False)
        for name in ("killed", "whole")
    ]
    assert max(differences(*models)) < 1e-5


def test_another_learning_rate_is_not_resumed(tiny_pair, news_directory, tmp_path, capsys):
    command = ["train", "fine-tuned-bert", "--data", str(news_directory), "--epochs", "1"]
    command += ["--encoder", str(tiny_pair), "--output", str(tmp_path)]
    assert main(command) == 0
    assert main([*command, "--resume", "--learning-rate", "0.01"]) == 2
    assert "learning_rate was 3e-05 and is 0.01" in capsys.readouterr().err
