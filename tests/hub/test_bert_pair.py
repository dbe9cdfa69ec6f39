import sys
from pathlib import Path

import pytest

from keras_transformers.hub import bert_pair


def test_exported_directory_brings_its_own_preprocessor(tiny_pair, tmp_path):
    expected = (str(tiny_pair / "preprocessor"), str(tiny_pair / "encoder"))
    assert bert_pair(tiny_pair, None, tmp_path) == expected
    assert bert_pair(tiny_pair, "https://x/1", tmp_path) == ("https://x/1", expected[1])
    assert not list(tmp_path.iterdir())


def test_handles_are_passed_on(tmp_path):
    pair = bert_pair("https://tfhub.dev/a/encoder/1", "https://tfhub.dev/a/pre/1", tmp_path)
    assert pair == ("https://tfhub.dev/a/pre/1", "https://tfhub.dev/a/encoder/1")


def test_local_handles_become_absolute(tiny_pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tiny_pair)
    pair = bert_pair("encoder", "preprocessor", tmp_path)
    assert pair == (str(tiny_pair / "preprocessor"), str(tiny_pair / "encoder"))


def test_encoder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"encoder='no/where', which is not there"):
        bert_pair("no/where", None, tmp_path)


def test_handle_without_preprocessor_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"`preprocessor` must name.*encoder='https://x/1'"):
        bert_pair("https://x/1", None, tmp_path)


def test_hugging_face_directory_is_exported_once(tmp_path, monkeypatch):
    module = sys.modules["keras_transformers.hub.bert_pair"]
    source, exported = tmp_path / "hf", []
    source.mkdir()
    (source / "config.json").write_text("{}")

    def export(directory, target):
        exported.append(Path(directory))
        for part in ("encoder", "preprocessor"):
            (target / part).mkdir(parents=True)

    monkeypatch.setattr(module, "export_to_hub", export)
    first = bert_pair(source, None, tmp_path / "run")
    assert bert_pair(source, None, tmp_path / "run") == first
    assert exported == [source]
    assert all(Path(handle).is_absolute() and Path(handle).is_dir() for handle in first)
    (source / "config.json").write_text('{"other": 1}')
    assert bert_pair(source, None, tmp_path / "run") != first
    assert len(exported) == 2
