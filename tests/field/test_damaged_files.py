"""Files that are cut off or have a bit flipped: refused by name in one line, or repaired."""

import gzip
import shutil
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_transformers.data import StoredSequences
from keras_transformers.models import BertEncoder
from keras_transformers.text import WordPieceTokenizer
from keras_transformers.training import cached_features, fit
from keras_transformers.training.run_directory import RunDirectory


@pytest.fixture
def encoder(tiny_pair, tmp_path):
    return shutil.copytree(tiny_pair / "encoder", tmp_path / "encoder")


def cut(file, length=None):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2 if length is None else length])


def flip(file, position):
    content = bytearray(file.read_bytes())
    content[position] ^= 8
    file.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, lambda file: flip(file, 40), lambda file: cut(file, 0)])
@pytest.mark.parametrize(
    "name",
    ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"],
)
def test_a_saved_model(encoder, name, damage):
    expected = BertEncoder.from_pretrained(encoder).get_weights()
    damage(encoder / name)
    try:
        weights = BertEncoder.from_pretrained(encoder).get_weights()
    except ValueError as error:
        assert str(encoder) in str(error)  # noqa: PT017
    else:
        assert name == "saved_model.pb"  # of which only the operations' names are read
        for ours, theirs in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_saved_model_s_settings(encoder):
    cut(encoder / "variables" / "variables.index")
    with pytest.raises(ValueError, match=f"{encoder}: damaged, or of another kind: "):
        WordPieceTokenizer.from_pretrained(encoder)


@pytest.fixture
def archive(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "bert.tar", "w") as tar:
        tar.add(encoder, ".")
    return tmp_path / "bert.tar"


def test_an_archive_that_is_cut_off(archive):
    cut(archive)
    with pytest.raises(FileNotFoundError, match=r"bert.tar.*damaged, or of another kind"):
        BertEncoder.from_pretrained(archive)


def test_an_archive_whose_checksum_is_another(archive):
    content = bytearray(gzip.compress(archive.read_bytes()))
    content[-8] ^= 1  # The checksum: what is unpacked is right as far as it can tell by itself.
    compressed = archive.with_suffix(".tar.gz")
    compressed.write_bytes(content)
    with pytest.raises(FileNotFoundError, match=r"bert.tar.gz.*CRC check failed"):
        BertEncoder.from_pretrained(compressed)


def test_a_configuration_without_one_of_its_names(tmp_path):
    BertEncoder(20, 1, 8, 2, 16, 10).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    file.write_text(file.read_text().replace("max_position_embeddings", "max_position_embeddingr"))
    with pytest.raises(ValueError, match=f"{tmp_path}: .*position_embeddings.*instead of"):
        BertEncoder.from_pretrained(tmp_path)


def test_a_vocabulary_without_padding(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAE]\n[UNK]\n[CLS]\n[SEP]\n")
    with pytest.raises(ValueError, match=f"`{tmp_path / 'vocab.txt'}` must contain"):
        WordPieceTokenizer.from_pretrained(tmp_path)


# What a training keeps


def train(directory, resume=False):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"])
    rows = tf.data.Dataset.from_tensors((tf.eye(3), tf.constant([0, 1, 1])))
    options = {"epochs": 2, "validation": rows, "resume": resume, "verbose": 0}
    fit(model, lambda first_epoch: rows, directory=directory, **options)


@pytest.mark.parametrize("name", ["state.npz", "best.npz"])
@pytest.mark.parametrize("damage", [cut, lambda file: flip(file, 200), lambda file: cut(file, 0)])
def test_the_state_of_a_training(tmp_path, name, damage):
    train(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(ValueError, match=f"{tmp_path}.*damaged"):
        train(tmp_path, resume=True)


@pytest.mark.parametrize("record", ["", "{", "3", '"a"', "\xff"])
def test_the_record_of_a_training(tmp_path, record):
    RunDirectory(tmp_path, {"seed": 0}, resume=False)
    file = tmp_path / "checkpoint" / "arguments.json"
    file.write_bytes(record.encode("latin-1"))
    with pytest.raises(ValueError, match=rf"{file}.*; do not resume"):
        RunDirectory(tmp_path, {"seed": 0}, resume=True)


@pytest.mark.parametrize("there", [b"\xff\xfe 1", b"host " + b"9" * 30, b"host \xc2\xb2"])
def test_who_is_training(tmp_path, there):
    RunDirectory(tmp_path, {}, resume=False)
    (tmp_path / "checkpoint" / "process").write_bytes(there)
    RunDirectory(tmp_path, {}, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_what_a_kill_left_half_written_is_removed(tmp_path, resume):
    run = RunDirectory(tmp_path, {}, resume=False)
    (run.checkpoint / "vocab.txt").write_text("kept")
    for directory in (tmp_path, run.checkpoint, tmp_path / "features"):
        (directory / ".unfinished-x1y2").mkdir(parents=True)
        (directory / ".unfinished-x1y2" / "model.keras").write_bytes(b"half")
    RunDirectory(tmp_path, {}, resume=resume)
    assert not list(tmp_path.rglob(".unfinished-*"))
    assert (run.checkpoint / "vocab.txt").is_file() == resume


@pytest.mark.parametrize("name", ["ids.bin", "lengths.npy"])
@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda file: cut(file, 0),
        lambda file: cut(file, -4),
        lambda file: flip(file, -8),
        lambda file: flip(file, -1),
        lambda file: flip(file, 9),
    ],
)
def test_sequences(tmp_path, name, damage):
    directory = tmp_path / "sequences"
    StoredSequences.write(directory, [np.arange(5), np.arange(3)])
    damage(directory / name)
    with pytest.raises(ValueError, match=f"{directory}: damaged"):
        StoredSequences(directory)


@pytest.mark.parametrize("position", [3, 9, 60, 70, 81, 124, 130, -8, -2])
def test_features_are_computed_anew(tmp_path, position):
    ids = keras.Input((None,), dtype="int32", name="input_word_ids")
    others = {
        n: keras.Input((None,), dtype="int32", name=n) for n in ("input_mask", "input_type_ids")
    }
    keras.utils.set_random_seed(0)
    vectors = keras.layers.Embedding(9, 4, name="embedding")(ids)
    pooled = keras.layers.GlobalAveragePooling1D(name="mean")(vectors)
    encoder = keras.Model({"input_word_ids": ids, **others}, pooled)
    expected = np.array(cached_features(encoder, [np.array([2, 3])], tmp_path, progress=False))
    (file,) = tmp_path.glob("*.npy")
    flip(file, position)
    again = cached_features(encoder, [np.array([2, 3])], tmp_path, progress=False)
    np.testing.assert_array_equal(again, expected)
