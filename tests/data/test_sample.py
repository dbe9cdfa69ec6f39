"""The bundled sample: its size, its balance, and that no brief repeats another."""

import csv
import itertools
import re
from collections import Counter
from importlib import resources

import numpy as np
import pytest

from keras_transformers.data import load_news

FILES = resources.files("keras_transformers.data") / "sample"


def rows_of(name):
    with (FILES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def rows():
    return rows_of("train.csv") + rows_of("test.csv")


def words_of(row):
    return re.findall(r"\w+", f"{row[1]} {row[2]}".lower())


def test_size_and_split():
    train, test = rows_of("train.csv"), rows_of("test.csv")
    assert len(train) + len(test) >= 1_000
    assert len(train) == 4 * len(test)


def test_every_class_has_250_briefs(rows):
    assert Counter(label for label, _, _ in rows) == dict.fromkeys("1234", 250)


def test_the_split_is_balanced_and_shuffled():
    for name in ("train.csv", "test.csv"):
        labels = [label for label, _, _ in rows_of(name)]
        counts = Counter(labels)
        assert max(counts.values()) - min(counts.values()) <= len(labels) // 20
        # Long runs of one class would make a batch in file order teach one class.
        assert sum(a != b for a, b in itertools.pairwise(labels)) > len(labels) / 2


def test_no_two_briefs_share_eight_words_in_a_row(rows):
    owner = {}
    shared = []
    for number, row in enumerate(rows):
        words = words_of(row)
        for start in range(len(words) - 7):
            sequence = tuple(words[start : start + 8])
            if owner.setdefault(sequence, number) != number:
                shared.append(" ".join(sequence))
    assert shared == []


def test_every_brief_has_its_own_title_and_a_description(rows):
    titles = [title.strip().lower() for _, title, _ in rows]
    assert len(set(titles)) == len(titles)
    assert all(titles)
    assert min(len(description.split()) for _, _, description in rows) >= 5


def test_lengths_vary(rows):
    lengths = np.array([len(words_of(row)) for row in rows])
    assert lengths.std() / lengths.mean() > 0.15
    assert lengths.max() > 1.8 * lengths.min()


def test_files_are_small():
    sizes = [file.stat().st_size for file in FILES.iterdir() if file.is_file()]
    assert 100_000 < sum(sizes) < 400_000


def test_licence_is_cc0():
    assert "CC0" in (FILES / "LICENSE").read_text()


def test_load_news_gives_it(rows, capsys):
    news = load_news("sample")
    train, test = rows_of("train.csv"), rows_of("test.csv")
    assert news.train_texts == [f"{title} {text}" for _, title, text in train]
    assert news.test_labels.tolist() == [int(label) - 1 for label, _, _ in test]
    assert news.class_names == ("World", "Sports", "Business", "Sci/Tech")
    assert "sample" in capsys.readouterr().out.splitlines()[0]
