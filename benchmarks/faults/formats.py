"""Every kind of file that the package reads: an example of it, and what reads it."""

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file
from tokenizers.implementations import BertWordPieceTokenizer

from keras_transformers.data import StoredSequences, load_news, load_pairs, load_texts
from keras_transformers.hub import HubLayer, HubTokenizer
from keras_transformers.models import BertEncoder, load_classifier, load_translator
from keras_transformers.text import WordPieceTokenizer
from keras_transformers.training import cached_features, fit
from keras_transformers.training.run_directory import RunDirectory

TEXTS = ["Rain in the north.", "été"]
ARGUMENTS = {"model": "from-scratch", "epochs": 3, "rate": 0.1, "jit": False, "seed": 0}


class Format(NamedTuple):
    """A file in a directory, with all that it is read with.

    Attributes:
        directory: with the file and what belongs to it.
        file: its path in there.
        read: from a copy of the directory to what was read, a nest of arrays and plain values.
    """

    directory: Path
    file: str
    read: Callable[[Path], Any]


def formats(data: Path, runs: Path, made: Path) -> dict[str, dict[str, Format]]:
    """Returns an example of each format, in groups.

    Args:
        data: what `write_data` wrote.
        runs: the directory of the undisturbed trainings.
        made: an empty directory, for what is in neither of them.
    """
    bert, encoder, preprocessor = (
        data / name for name in ("bert", "hub/encoder", "hub/preprocessor")
    )
    stored, training = runs / "pretrain" / "checkpoint", _training(made / "training")
    return {
        "trained models": {
            "a classifier's .keras": Format(runs / "from-scratch", "model.keras", _classifier),
            "a BERT's .keras": Format(runs / "hf-bert", "model.keras", _classifier),
            "a translator's .keras": Format(runs / "translator", "model.keras", _translator),
        },
        "Hugging Face's files": {
            "model.safetensors": Format(bert, "model.safetensors", _encoder),
            "model.safetensors.index.json": _sharded(bert, made / "sharded"),
            "config.json": Format(bert, "config.json", _encoder),
            "vocab.txt": Format(bert, "vocab.txt", _tokenizer),
            "tokenizer_config.json": Format(bert, "tokenizer_config.json", _tokenizer),
            "tokenizer.json": _fast_tokenizer(bert, made / "fast"),
            "added_tokens.json": _added_tokens(bert, made / "added"),
        },
        "SavedModels and archives": {
            "saved_model.pb, run": Format(encoder, "saved_model.pb", _saved_model),
            "saved_model.pb, read": Format(encoder, "saved_model.pb", _encoder),
            "variables.index": Format(encoder, "variables/variables.index", _encoder),
            "variables.data": Format(encoder, "variables/variables.data-00000-of-00001", _encoder),
            "a SavedModel's vocab.txt": Format(preprocessor, "assets/vocab.txt", _preprocessor),
            "archive, .tar.gz": _archive(encoder, made / "compressed", "model.tar.gz"),
            "archive, .tar": _archive(encoder, made / "plain", "model.tar"),
        },
        "what a training keeps to be resumed": {
            "arguments.json": Format(training, "checkpoint/arguments.json", _run_directory),
            "process": Format(training, "checkpoint/process", _run_directory),
            "state.npz": Format(training, "checkpoint/state.npz", _resumed),
            "best.npz": Format(training, "checkpoint/best.npz", _resumed),
            "features, .npy": _features(made / "features"),
            "ids.bin": Format(stored, "sequences/ids.bin", _sequences),
            "lengths.npy": Format(stored, "sequences/lengths.npy", _sequences),
        },
        "texts, labels and pairs": {
            "CSV": Format(data / "news", "train.csv", _news),
            "classes.txt": Format(data / "news", "classes.txt", _news),
            "TSV of pairs": Format(data / "pairs", "train.tsv", _pairs),
            "text file": Format(data / "pairs", "valid.tsv", _texts),
        },
    }


def _sharded(bert, directory):
    shutil.copytree(bert, directory)
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    files = {name: f"{number % 2}.safetensors" for number, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file(
            {name: tensors[name] for name in tensors if files[name] == file}, directory / file
        )
    index = directory / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": files}))
    return Format(directory, index.name, _encoder)


def _fast_tokenizer(bert, directory):
    shutil.copytree(bert, directory)
    BertWordPieceTokenizer(str(directory / "vocab.txt")).save(str(directory / "tokenizer.json"))
    return Format(directory, "tokenizer.json", _tokenizer)


def _added_tokens(bert, directory):
    shutil.copytree(bert, directory)
    (directory / "added_tokens.json").write_text('{"[MASK]": 4, "[PAD]": 0}')
    return Format(directory, "added_tokens.json", _tokenizer)


def _archive(encoder, directory, name):
    directory.mkdir()
    with tarfile.open(directory / name, "w:gz" if name.endswith("gz") else "w") as archive:
        archive.add(encoder, ".")
    return Format(directory, name, _unpacked)


def _training(directory):
    RunDirectory(directory, ARGUMENTS, resume=False)
    _fit(directory)
    return directory


def _features(directory):
    _cached(directory)
    (file,) = (directory / "features").iterdir()
    return Format(directory, f"features/{file.name}", _cached)


# What reads them.


def _classifier(directory):
    model = load_classifier(directory)
    return model.get_weights(), model.class_names, model.tokenizer.vocabulary


def _translator(directory):
    model = load_translator(directory)
    return model.get_weights(), model.source_tokenizer.pieces, model.target_tokenizer.pieces


def _encoder(directory):
    encoder = BertEncoder.from_pretrained(directory)
    config = encoder.get_config()
    config.pop("name")  # Keras numbers it.
    return encoder.get_weights(), config


def _tokenizer(directory):
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    config = tokenizer.get_config()
    names = ("vocabulary", "lower_case", "strip_accents")
    return tokenizer.encode(TEXTS), [config[name] for name in names]


def _saved_model(directory):
    layer = HubLayer(directory)
    ids = tf.constant([[2, 7, 3]])
    inputs = {"input_word_ids": ids, "input_mask": ids * 0 + 1, "input_type_ids": ids * 0}
    return layer.get_weights(), layer(inputs)["sequence_output"].numpy()


def _preprocessor(directory):
    return HubTokenizer(directory).encode(TEXTS)


def _unpacked(directory):
    (archive,) = directory.glob("model.tar*")
    return BertEncoder.from_pretrained(archive).get_weights()


def _run_directory(directory):
    return RunDirectory(directory, ARGUMENTS, resume=True).arguments


def _fit(directory, resume=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(20), keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"])
    rows = tf.data.Dataset.from_tensors((tf.eye(3), tf.constant([0, 1, 1])))
    history = fit(
        model,
        lambda first_epoch: rows,
        epochs=3,
        directory=directory / "checkpoint",
        validation=rows,
        resume=resume,
        verbose=0,
    )
    return model.get_weights(), [v.numpy() for v in model.optimizer.variables], len(history)


def _resumed(directory):
    return _fit(directory, resume=True)


def _cached(directory):
    keras.utils.set_random_seed(0)
    encoder = BertEncoder(20, 1, 8, 2, 16, 8, name="encoder")
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    pooled = keras.Model(inputs, encoder(inputs)["pooled_output"])
    rows = [np.arange(2, 2 + length, dtype="int32") for length in (3, 5, 8)]
    return np.array(cached_features(pooled, rows, directory / "features", progress=False))


def _sequences(directory):
    return list(StoredSequences(directory / "sequences"))


def _news(directory):
    news = load_news(directory)
    return news.train_texts, news.train_labels, news.class_names


def _pairs(directory):
    pairs = load_pairs(directory)
    return pairs.train_sources, pairs.train_targets


def _texts(directory):
    return list(load_texts(directory / "valid.tsv"))
