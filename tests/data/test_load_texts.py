"""Texts to pre-train on: files line by line, or the training part of news."""

import itertools

import pytest

from keras_transformers.data import load_news, load_texts


def test_lines_of_several_files_again_and_again(tmp_path, capsys):
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    first.write_bytes("\ufeffRain in Köln\r\n\n  \nand snow".encode())
    second.write_text("sun\n")
    texts = load_texts([first, second])
    assert capsys.readouterr().out == f"Data: the lines of {first}, {second}\n"
    for _ in range(2):
        assert list(texts) == ["Rain in Köln", "and snow", "sun"]


def test_a_file_is_read_as_it_is_gone_through(tmp_path):
    file = tmp_path / "texts.txt"
    file.write_bytes(b"one\ntwo\n\xff\n")
    texts = load_texts(file)
    assert list(itertools.islice(texts, 2)) == ["one", "two"]
    with pytest.raises(ValueError, match=r"texts.txt, line 3: expected UTF-8 text, found .* 0xff"):
        list(texts)


def test_of_news_the_training_texts_alone(news_directory, capsys):
    news = load_news(news_directory)
    texts = load_texts([news_directory])
    assert list(texts) == news.train_texts
    assert str(texts) == f"{news_directory}, its 200 training texts"
    assert f"Data: {news_directory}" in capsys.readouterr().out


def test_a_missing_file_is_named(tmp_path):
    there = tmp_path / "there.txt"
    there.write_text("text")
    with pytest.raises(FileNotFoundError, match=r"gone.txt: expected a text file, found none"):
        load_texts([there, tmp_path / "gone.txt"])
    with pytest.raises(FileNotFoundError, match=r"gone.txt"):
        load_texts(tmp_path / "gone.txt")
