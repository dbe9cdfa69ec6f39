"""Trainings of every kind, so small that each takes seconds, and what they leave behind."""

import csv
import importlib
import io
import json
import multiprocessing
import os
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from keras_transformers.data import load_news
from keras_transformers.hub import export_to_hub
from keras_transformers.models import BertEncoder
from keras_transformers.text import WordPieceTokenizer, learn_vocabulary

# One process imports all of it once; TensorFlow may be forked as long as it has computed nothing.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(
    [
        "keras_transformers.cli",
        "keras_transformers.training",
        "tensorflow_text",
        "matplotlib.backends.backend_agg",
        "sklearn.metrics",
        "sklearn.model_selection",
        "sentencepiece",
        "sacrebleu",
    ]
)

# Else tracing, or one epoch, would take longer than all else.
QUICK = {
    ("keras_transformers.training.train_from_scratch", "STEPS_PER_EXECUTION"): 2,
    ("keras_transformers.training.pretrain", "STEPS_BETWEEN_CHECKPOINTS"): 10,
}
TRANSFORMER = ["--embed-dim", "8", "--ff-dim", "8", "--num-heads", "2"]


def write_data(directory: Path) -> dict[str, list[str]]:
    """Writes texts, pairs and tiny BERTs; returns the command of each training, without output."""
    sample = load_news("sample")
    _write_news(directory / "news", sample)
    _write_pairs(directory / "pairs", sample)
    vocabulary = learn_vocabulary(sample.train_texts[:100], 400)
    encoder = BertEncoder(len(vocabulary), 1, 8, 2, 16, 40, name="encoder")
    encoder.save_pretrained(directory / "bert")
    WordPieceTokenizer(vocabulary).save_pretrained(directory / "bert")
    export_to_hub(directory / "bert", directory / "hub")
    news = ["--data", str(directory / "news"), "--epochs", "4", "--batch-size", "16"]
    hub, bert = (["--encoder", str(directory / name)] for name in ("hub", "bert"))
    pairs = ["--data", str(directory / "pairs"), "--epochs", "3", "--num-blocks", "1"]
    texts = ["--data", str(directory / "news"), "--size", "tiny", "--vocab-size", "400"]
    return {
        "from-scratch": ["train", "from-scratch", *news, "--maxlen", "20", *TRANSFORMER],
        "frozen-bert": ["train", "frozen-bert", *news, *hub],
        "fine-tuned-bert": ["train", "fine-tuned-bert", *news, *hub, "--head-epochs", "2"],
        "hf-bert": ["train", "hf-bert", *news, *bert, "--fine-tune"],
        "translator": ["train", "translator", *pairs, *TRANSFORMER, "--max-length", "16"],
        "pretrain": ["pretrain", *texts, "--steps", "40", "--batch-size", "8"],
    }


def _write_news(directory, sample, rows=80):
    directory.mkdir()
    for part in ("train", "test"):
        texts, labels = (getattr(sample, f"{part}_{kind}")[:rows] for kind in ("texts", "labels"))
        with open(directory / f"{part}.csv", "w", newline="") as file:
            rows_of_file = (
                (label + 1, "", text) for text, label in zip(texts, labels, strict=True)
            )
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows_of_file)
    (directory / "classes.txt").write_text("\n".join(sample.class_names))


def _write_pairs(directory, sample):
    directory.mkdir()
    for part, texts in (
        ("train", sample.train_texts[:60]),
        ("valid", sample.train_texts[60:70]),
        ("test", sample.test_texts[:10]),
    ):
        words = [text.split()[:4] for text in texts]
        lines = (f"{' '.join(w)}\t{' '.join(w[::-1])}\n" for w in words)
        (directory / f"{part}.tsv").write_text("".join(lines))


def start(arguments: list[str], log: Path) -> multiprocessing.Process:
    """Starts `keras-transformers ARGUMENTS` in a process of its own; what it prints goes to log."""
    process = context.Process(target=_run, args=(arguments, log))
    process.start()
    return process


def run(arguments: list[str], log: Path) -> int:
    """Runs it to its end; returns the exit code."""
    process = start(arguments, log)
    process.join()
    return process.exitcode


def _run(arguments, log):
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    for (module, name), value in QUICK.items():
        setattr(importlib.import_module(module), name, value)
    from keras_transformers.cli import main

    sys.exit(main(arguments))


def refused_in_one_line(log: Path) -> bool:
    """Whether a command that failed said why in one line, and nothing else of an error."""
    text = log.read_text()
    return text.count("keras-transformers: error: ") == 1 and "Traceback" not in text


def half_written(directory: Path) -> list[str]:
    """Returns the files of a training that cannot be read to their end, and why.

    What is in a directory `.unfinished-…` has no name yet, and nothing reads it.
    """
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(".unfinished-" in part for part in path.parts):
            try:
                _READERS.get(path.suffix, Path.read_bytes)(path)
            except Exception as error:
                found.append(f"{path}: {error!r}")
    return found


def unfinished(directory: Path) -> list[str]:
    """Returns what writing left behind under a temporary name."""
    return [str(path) for path in directory.rglob(".unfinished-*")]


def weights(directory: Path) -> dict[str, bytes]:
    """Returns every array in what a training left, weights, optimizer and features, as bytes."""
    arrays = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix in _ARRAYS:
            content = _READERS[path.suffix](path)
            name = str(path.relative_to(directory))
            arrays |= {f"{name}/{key}": array.tobytes() for key, array in content.items()}
    return {name: array for name, array in arrays.items() if not name.endswith("/history")}


def _read_npz(path):
    with np.load(path) as file:
        return dict(file)


def _read_keras(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        content = archive.read("model.weights.h5")
    arrays = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda name, item: arrays.update(
                {name: np.array(item)} if hasattr(item, "shape") else {}
            )
        )
    return arrays


def _read_image(path):
    with Image.open(path) as image:
        image.load()


_READERS = {
    ".json": lambda path: json.loads(path.read_text()),
    ".txt": Path.read_text,
    ".md": Path.read_text,
    ".png": _read_image,
    ".npy": lambda path: {"": np.load(path)},
    ".npz": _read_npz,
    ".keras": _read_keras,
    ".safetensors": load_file,
}
_ARRAYS = (".npy", ".npz", ".keras", ".safetensors")
