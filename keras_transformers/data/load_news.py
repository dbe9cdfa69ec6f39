"""AG News, a directory in its CSV layout, or the bundled sample."""

import contextlib
import csv
import dataclasses
import io
import os
import sys
from importlib import resources
from pathlib import Path

import numpy as np

from keras_transformers.data.sources import is_reachable, prepared_dataset
from keras_transformers.utils import (
    check_class_names,
    check_labels,
    check_texts,
    one_line,
    read_text,
)

CLASS_NAMES = ("World", "Sports", "Business", "Sci/Tech")
MIRROR = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/"
MD5 = {
    "train.csv": "b1a00f826fdfbd249f79597b59e1dc12",
    "test.csv": "d52ea96a97a2d943681189a97654912d",
}


@dataclasses.dataclass(frozen=True)
class News:
    """Labelled news texts, split into a training and a test part.

    Attributes:
        train_texts: list of str, title and description joined by a blank.
        train_labels: int32 array of shape `(len(train_texts),)`, classes counted from 0.
        test_texts: list of str.
        test_labels: int32 array of shape `(len(test_texts),)`.
        class_names: tuple of str, the name of each label.
        source: str, where the texts came from.

    Raises:
        ValueError: if something is no text, there is not an integer label of a class for each, or
            two classes have one name.
    """

    train_texts: list[str]
    train_labels: np.ndarray
    test_texts: list[str]
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        # Taken by position from here on, whatever holds them.
        object.__setattr__(self, "class_names", check_class_names(self.class_names))
        for part in ("train", "test"):
            texts = check_texts(getattr(self, f"{part}_texts"))
            labels = check_labels(getattr(self, f"{part}_labels"), len(texts), self.class_names)
            object.__setattr__(self, f"{part}_texts", texts)
            object.__setattr__(self, f"{part}_labels", labels)

    def __str__(self) -> str:
        return (
            f"{self.source}: {len(self.train_texts):,} training and "
            f"{len(self.test_texts):,} test texts in {len(self.class_names)} classes"
        )


def draw_news(news: News, rows: int, seed: int) -> News:
    """Draws so many training texts, each at most once, and prints which; all test texts stay.

    The `source` of the `News` that is returned says how many it was drawn from. Where there are not
    more than `rows` texts, all stay.
    """
    total = len(news.train_texts)
    if rows >= total:
        return news
    drawn = np.sort(np.random.default_rng(seed).choice(total, rows, replace=False))
    news = dataclasses.replace(
        news,
        train_texts=[news.train_texts[row] for row in drawn],
        train_labels=news.train_labels[drawn],
        source=f"{news.source}, {rows:,} of {total:,} training texts drawn with seed {seed}",
    )
    print(news)
    return news


def load_news(source: str | os.PathLike[str] = "auto") -> News:
    """Loads news texts with their classes, and prints one line that says which ones.

    Args:
        source: one of

            - `"ag-news"`: AG News (Zhang et al., 2015, arXiv 1509.01626; 120,000 training and
              7,600 test rows) as TensorFlow Datasets keeps it (`ag_news_subset`), or as CSV
              files from a public mirror whose md5 sums are checked. What is on disk is taken
              from there, else it is downloaded.
            - `"sample"`: 1,000 fictional news briefs that come with the package.
            - a directory with `train.csv` and `test.csv` in AG News' layout: no header, rows of
              `"class","title","description"` in UTF-8, classes counted from 1. Rows without
              anything in them are skipped. A `classes.txt` names the classes, one a line and no two
              alike; without it they are AG News' four.
            - `"auto"`: AG News where it is on disk or can be downloaded, else the sample.

    Returns:
        A `News`.

    Raises:
        ConnectionError: for `"ag-news"`, if it is not on disk and cannot be downloaded.
        FileNotFoundError: if the directory or one of its files is missing.
        ValueError: if a file is empty, not UTF-8, or has a malformed row; the message names the
            file and the line.

    Example:
        >>> from keras_transformers.data import load_news
        >>> news = load_news("sample")
        Data: bundled sample of fictional news: 800 training and 200 test texts in 4 classes
        >>> news.class_names[news.train_labels[0]]
        'Business'
    """
    if source == "auto":
        news = _ag_news_or_sample()
    elif source == "ag-news":
        news = _ag_news()
    elif source == "sample":
        news = _sample()
    else:
        news = read_news_directory(source)
    print(f"Data: {news}", flush=True)
    return news


def read_news_directory(directory: str | os.PathLike[str], source: str | None = None) -> News:
    """Reads a directory in AG News' CSV layout; see `load_news` for the layout and the errors."""
    directory = Path(directory)
    if not directory.is_dir():
        raise FileNotFoundError(
            f"{directory}: expected 'auto', 'sample', 'ag-news' or a directory with train.csv "
            "and test.csv, found no such directory"
        )
    class_names = _read_class_names(directory / "classes.txt")
    train_texts, train_labels = _read_csv(directory / "train.csv", len(class_names))
    test_texts, test_labels = _read_csv(directory / "test.csv", len(class_names))
    return News(
        train_texts, train_labels, test_texts, test_labels, class_names, source or str(directory)
    )


def _ag_news_or_sample():
    try:
        return _ag_news()
    except ConnectionError as error:
        print(f"The bundled sample stands in for AG News. {error}", flush=True)
        return _sample()


def _sample():
    with resources.as_file(resources.files("keras_transformers.data") / "sample") as directory:
        return read_news_directory(directory, "bundled sample of fictional news")


def _ag_news():
    if prepared := prepared_dataset("ag_news_subset"):
        return _read_tfds(prepared)
    if all((_csv_cache() / name).is_file() for name in MD5):
        return read_news_directory(_csv_cache(), "AG News (CSV)")
    if not is_reachable(MIRROR):
        raise ConnectionError(
            "AG News is not on disk and its server cannot be reached; a directory with train.csv "
            "and test.csv can be given instead"
        )
    return _download()


def _download():
    import tensorflow_datasets as tfds

    # TFDS fetches from Google Drive, which often refuses, in several ways.
    try:
        tfds.builder("ag_news_subset").download_and_prepare()
        return _read_tfds(prepared_dataset("ag_news_subset"))
    except Exception as error:
        refusal = f"TensorFlow Datasets gave no AG News ({one_line(error)})"
    try:
        for name, md5 in MD5.items():
            _fetch(MIRROR + name, _csv_cache() / name, md5)
    except ConnectionError as error:
        raise ConnectionError(f"{refusal}, and neither did the CSV mirror ({error})") from error
    print(f"{refusal}; the CSV mirror did", flush=True)
    return read_news_directory(_csv_cache(), "AG News (CSV)")


def _fetch(url, path, md5):
    import keras

    try:
        with contextlib.redirect_stdout(sys.stderr):  # the first line is for what data it is
            part = keras.utils.get_file(
                f"{path.name}.part",
                url,
                file_hash=md5,
                hash_algorithm="md5",
                cache_subdir=path.parent,
            )
    except Exception as error:
        raise ConnectionError(f"{url}: {one_line(error)}") from error
    os.replace(part, path)


def _csv_cache():
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return home / "datasets" / "ag_news_csv"


def _read_tfds(directory):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    train_texts, train_labels = _read_tfds_split(builder, "train")
    test_texts, test_labels = _read_tfds_split(builder, "test")
    return News(train_texts, train_labels, test_texts, test_labels, CLASS_NAMES, "AG News (TFDS)")


def _read_tfds_split(builder, split):
    rows = builder.as_dataset(split=split, batch_size=-1)
    titles, descriptions = (rows[key].numpy().tolist() for key in ("title", "description"))
    texts = [
        _join(title.decode("utf-8"), description.decode("utf-8"))
        for title, description in zip(titles, descriptions, strict=True)
    ]
    return texts, rows["label"].numpy().astype("int32")


def _read_class_names(path):
    if not path.is_file():
        return CLASS_NAMES
    names = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if (name := line.strip()) in names:
            raise ValueError(f"{path}, line {number}: expected another name, found {name!r} again")
        names += [name] if name else []
    if not names:
        raise ValueError(f"{path}: expected the name of a class in each line, found none")
    return tuple(names)


def _read_csv(path, num_classes):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a CSV file, found none")
    texts, labels = [], []
    reader = csv.reader(
        io.StringIO(read_text(path), newline=""), strict=True, skipinitialspace=True
    )
    limit = csv.field_size_limit(sys.maxsize)
    try:
        for row in reader:
            if not any(map(str.strip, row)):  # as spreadsheets write rows without anything
                continue
            label, title, description = _check_row(row, num_classes)
            texts.append(_join(title, description))
            labels.append(label)
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if not texts:
        raise ValueError(f"{path}: expected at least one row, found an empty file")
    if not any(texts):
        raise ValueError(f"{path}: expected texts, found {len(texts)} rows, all empty")
    return texts, np.array(labels, dtype="int32")


def _check_row(row, num_classes):
    if len(row) != 3:
        raise ValueError(f'expected "class","title","description", found {len(row)} fields')
    label, title, description = row
    if not (label.isascii() and label.isdigit() and 1 <= int(label) <= num_classes):
        raise ValueError(f"expected a class from 1 to {num_classes}, found {label!r}")
    return int(label) - 1, title, description


def _join(title, description):
    return f"{title} {description}".strip()
