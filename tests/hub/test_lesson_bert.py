"""The notebooks' encoder: the one that is named, or the one that can be had."""

from keras_transformers.hub import lesson_bert


def test_names_the_encoder_that_the_environment_names(tiny_pair, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_TRANSFORMERS_ENCODER", str(tiny_pair))
    pair = lesson_bert(tmp_path)
    assert pair == (str(tiny_pair / "preprocessor"), str(tiny_pair / "encoder"))
    assert capsys.readouterr().out == "Encoder: tiny, pre-trained\n"


def test_offline_it_is_the_one_of_the_package(offline, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("KERAS_TRANSFORMERS_ENCODER", raising=False)
    preprocessor, encoder = lesson_bert(tmp_path)
    assert capsys.readouterr().out.startswith("Encoder: news-small-bert, pre-trained on news")
    assert encoder.endswith("/encoder")
    assert preprocessor.endswith("/preprocessor")
    assert not list(tmp_path.iterdir())
