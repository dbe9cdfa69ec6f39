import importlib
import shutil

import numpy as np
import pytest

from keras_transformers.data.bucketed_batches import pad
from keras_transformers.hub import HubLayer, export_to_hub
from keras_transformers.models import encoder_classifier
from keras_transformers.text import bert_inputs
from keras_transformers.training import cached_features

# The function of the same name hides it.
MODULE = importlib.import_module("keras_transformers.training.cached_features")


@pytest.fixture(scope="module")
def encoder(tiny_pair):
    layer = HubLayer(str(tiny_pair / "encoder"))
    return encoder_classifier(layer, pooling="mean").get_layer("features")


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return [rng.integers(1, 18, size).astype("int32") for size in (3, 9, 4, 30, 3, 12, 7)]


def kept(directory):
    return sorted(path.name for path in directory.iterdir())


def test_each_row_is_what_the_encoder_gives_for_that_text(encoder, sequences, tmp_path):
    features = cached_features(encoder, sequences, tmp_path, batch_size=2, progress=False)
    assert features.shape == (7, 8)
    assert features.dtype == np.float32
    for row, ids in zip(features, sequences, strict=True):
        np.testing.assert_allclose(row, encoder(bert_inputs(ids[None]))[0], atol=1e-5)


def test_computed_once(encoder, sequences, tmp_path, monkeypatch):
    first = np.array(cached_features(encoder, sequences, tmp_path, progress=False))
    monkeypatch.setattr(MODULE, "pad", None)
    np.testing.assert_array_equal(
        cached_features(encoder, sequences, tmp_path, progress=False), first
    )


def test_other_texts_and_other_weights_are_not_mistaken_for_these(encoder, sequences, tmp_path):
    cached_features(encoder, sequences, tmp_path, progress=False)
    cached_features(encoder, sequences[:-1], tmp_path, progress=False)
    # The same ids in a row, cut in another place.
    ids = np.concatenate(sequences)
    cached_features(encoder, [ids[:5], ids[5:]], tmp_path, progress=False)
    cached_features(encoder, [ids[:6], ids[6:]], tmp_path, progress=False)
    assert len(kept(tmp_path)) == 4
    weight = next(w for w in encoder.weights if w.name.endswith("kernel"))
    before = weight.numpy()
    weight.assign(before * 3)
    changed = cached_features(encoder, sequences, tmp_path, progress=False)
    weight.assign(before)
    assert len(kept(tmp_path)) == 5
    original = cached_features(encoder, sequences, tmp_path, progress=False)
    assert np.abs(changed - original).max() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"num_attention_heads": 4}, {"hidden_act": "relu"}])
def test_the_same_weights_in_another_program_are_not_mistaken(change, sequences, tmp_path):
    config = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 1, "initializer_range": 0.5}
    config |= {"num_attention_heads": 2, "intermediate_size": 16, "hidden_act": "gelu"}
    given = []
    for name, sizes in {"one": config, "other": config | change}.items():
        export_to_hub(sizes, tmp_path / name)
        layer = HubLayer(tmp_path / name / "encoder")
        features = encoder_classifier(layer, pooling="mean").get_layer("features")
        given.append(cached_features(features, sequences, tmp_path / "kept", progress=False))
    assert np.abs(given[0] - given[1]).max() > 1e-2


def test_a_savedmodel_that_was_moved_is_known_again(encoder, tiny_pair, sequences, tmp_path):
    cached_features(encoder, sequences, tmp_path / "kept", progress=False)
    shutil.copytree(tiny_pair / "encoder", tmp_path / "moved")
    moved = encoder_classifier(HubLayer(tmp_path / "moved"), pooling="mean").get_layer("features")
    cached_features(moved, sequences, tmp_path / "kept", progress=False)
    assert len(kept(tmp_path / "kept")) == 1


@pytest.mark.parametrize("content", [b"", b"no array", "cut off"])
def test_a_damaged_file_is_made_anew(encoder, sequences, tmp_path, content):
    first = np.array(cached_features(encoder, sequences, tmp_path, progress=False))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40] if content == "cut off" else content)
    np.testing.assert_array_equal(
        cached_features(encoder, sequences, tmp_path, progress=False), first
    )


def test_ids_that_the_encoder_does_not_know(encoder, tmp_path):
    with pytest.raises(ValueError, match=r"go together\? Received: ids up to 300, lengths up to 3"):
        cached_features(encoder, [np.array([2, 300, 3])], tmp_path, progress=False)
    assert kept(tmp_path) == []


def test_stopped_half_way_leaves_nothing(encoder, sequences, tmp_path, monkeypatch):
    calls = []

    def stop(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return pad(*args)

    monkeypatch.setattr(MODULE, "pad", stop)
    with pytest.raises(KeyboardInterrupt):
        cached_features(encoder, sequences, tmp_path, batch_size=2, progress=False)
    assert kept(tmp_path) == []


def test_another_precision_is_not_mistaken_for_this(tiny_pair, sequences, tmp_path):
    for dtype in ("float32", "mixed_bfloat16"):
        layer = HubLayer(str(tiny_pair / "encoder"), dtype=dtype)
        features = encoder_classifier(layer, pooling="mean").get_layer("features")
        cached_features(features, sequences, tmp_path, progress=False)
    assert len(kept(tmp_path)) == 2
