"""AG News, CSV directories and the sample: what is read, and what is refused."""

import csv
import hashlib
import importlib
import shutil
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from support.data import real_data

from keras_transformers.data import load_news, sources

# The package's attribute of this name is the function.
module = importlib.import_module("keras_transformers.data.load_news")

GOOD = '"3","Oil up","Prices rose."\n"1","Vote","Polls closed."\n'
AG_NEWS = {
    "train.csv": b'"4","Chip","Faster."\n"2","Cup","Won 2-0."\n',
    "test.csv": '"1","Élection","Fermée."\n'.encode(),
}


def write_directory(directory, train=GOOD, test=GOOD, classes=None):
    directory.mkdir(exist_ok=True)
    for name, content in (("train.csv", train), ("test.csv", test), ("classes.txt", classes)):
        if content is not None:
            data = content if isinstance(content, bytes) else content.encode()
            (directory / name).write_bytes(data)
    return directory


def error_of(directory, kind=ValueError):
    with pytest.raises(kind) as caught:
        load_news(directory)
    return str(caught.value)


# --- directories -----------------------------------------------------------------------------


def test_reads_rows_of_a_directory(tmp_path, capsys):
    train = (
        '"3","Oil, gas ""up""","Prices rose, again; ""sharply""."\n'
        '"1","","Two\nlines."\n'
        "4,Bare,unquoted\n"
    )
    news = load_news(write_directory(tmp_path / "news", train=train))
    assert news.train_texts == [
        'Oil, gas "up" Prices rose, again; "sharply".',
        "Two\nlines.",
        "Bare unquoted",
    ]
    assert news.train_labels.tolist() == [2, 0, 3]
    assert news.train_labels.dtype == np.int32
    assert news.test_texts == ["Oil up Prices rose.", "Vote Polls closed."]
    assert news.test_labels.tolist() == [2, 0]
    assert news.class_names == ("World", "Sports", "Business", "Sci/Tech")
    out = capsys.readouterr().out
    assert out == f"Data: {tmp_path / 'news'}: 3 training and 2 test texts in 4 classes\n"


def test_takes_a_path_as_text(tmp_path):
    assert load_news(str(write_directory(tmp_path / "news"))).source == str(tmp_path / "news")


def test_byte_order_mark_is_no_text(tmp_path):
    directory = write_directory(tmp_path / "news", train=b"\xef\xbb\xbf" + GOOD.encode())
    assert load_news(directory).train_labels.tolist() == [2, 0]


def test_classes_file_names_the_classes(tmp_path):
    directory = write_directory(
        tmp_path / "news",
        train='"2","Good","film"\n',
        test='"1","Bad","film"\n',
        classes="negative\r\n positive \n\n",
    )
    news = load_news(directory)
    assert news.class_names == ("negative", "positive")
    assert news.train_labels.tolist() == [1]
    (directory / "test.csv").write_text('"3","Odd","film"\n')
    message = error_of(directory)
    assert f"{directory / 'test.csv'}, line 1" in message
    assert "from 1 to 2" in message


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('"1","only two"', "found 2 fields"),
        ('"1","a","b","c"', "found 4 fields"),
        ('"5","a","b"', "expected a class from 1 to 4, found '5'"),
        ('"0","a","b"', "found '0'"),
        ('"-1","a","b"', "found '-1'"),
        ('"1.0","a","b"', "found '1.0'"),
        ('"World","a","b"', "found 'World'"),
        ('"","a","b"', "found ''"),
        ('"²","a","b"', "found '²'"),
        ('"1","a "quoted" word","b"', "expected after"),
        ('"1","a","never closed', "unexpected end of data"),
    ],
)
@pytest.mark.parametrize("name", ["train", "test"])
def test_malformed_row_names_file_and_line(tmp_path, row, expected, name):
    directory = write_directory(tmp_path / "news", **{name: GOOD + row + "\n"})
    message = error_of(directory)
    assert f"{directory / name}.csv, line 3: " in message
    assert expected in message
    assert "\n" not in message


def test_line_numbers_count_lines_of_the_file_not_rows(tmp_path):
    directory = write_directory(tmp_path / "news", train='"1","a\nb\nc","d"\n"9","a","b"\n')
    assert f"{directory / 'train.csv'}, line 4: " in error_of(directory)


def test_file_that_is_not_utf8_names_file_and_line(tmp_path):
    latin = GOOD.encode() + '"1","Élection","Fermée."\n'.encode("latin-1")
    directory = write_directory(tmp_path / "news", train=latin)
    message = error_of(directory)
    assert f"{directory / 'train.csv'}, line 3: expected UTF-8" in message
    assert "0xc9" in message


def test_classes_file_that_is_not_utf8_is_named(tmp_path):
    directory = write_directory(tmp_path / "news", classes="négatif\n".encode("latin-1"))
    message = error_of(directory)
    assert str(directory / "classes.txt") in message
    assert "UTF-8" in message


def test_empty_classes_file_is_named(tmp_path):
    directory = write_directory(tmp_path / "news", classes="\n")
    assert str(directory / "classes.txt") in error_of(directory)


def test_two_classes_of_one_name_are_named(tmp_path):
    directory = write_directory(tmp_path / "news", classes="Weather\n\nSports\n Weather \n")
    expected = f"{directory / 'classes.txt'}, line 4: expected another name, found 'Weather' again"
    assert error_of(directory) == expected


@pytest.mark.parametrize("name", ["train", "test"])
def test_empty_file(tmp_path, name):
    directory = write_directory(tmp_path / "news", **{name: ""})
    message = error_of(directory)
    assert f"{directory / name}.csv" in message
    assert "empty" in message


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_missing_file(tmp_path, name):
    directory = write_directory(tmp_path / "news")
    (directory / name).unlink()
    assert str(directory / name) in error_of(directory, FileNotFoundError)


def test_missing_directory(tmp_path):
    message = error_of(tmp_path / "nowhere", FileNotFoundError)
    assert str(tmp_path / "nowhere") in message
    assert "'sample'" in message


def test_file_instead_of_a_directory(tmp_path):
    (tmp_path / "train.csv").write_text(GOOD)
    assert "directory" in error_of(tmp_path / "train.csv", FileNotFoundError)


# --- AG News ---------------------------------------------------------------------------------


@pytest.fixture
def empty_disk(tmp_path, monkeypatch):
    """Nothing in any cache, and no server that answers."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "MIRROR", "http://127.0.0.1:9/")
    return tmp_path / "keras" / "datasets" / "ag_news_csv"


@pytest.fixture
def mirror(empty_disk, monkeypatch):
    """A server on this machine with AG News' files in `served`, and TFDS that gives nothing."""
    served = dict(AG_NEWS)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = served.get(self.path.removeprefix("/data/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content or b"")

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr(module, "MIRROR", f"http://127.0.0.1:{server.server_port}/data/")
    sums = {name: hashlib.md5(content).hexdigest() for name, content in AG_NEWS.items()}
    monkeypatch.setattr(module, "MD5", sums)
    set_tfds_builder(monkeypatch, lambda: (_ for _ in ()).throw(RuntimeError("no\nDrive")))
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def set_tfds_builder(monkeypatch, download_and_prepare):
    import tensorflow_datasets as tfds

    class Builder:
        def __init__(self, name):
            assert name == "ag_news_subset"
            self.download_and_prepare = download_and_prepare

    monkeypatch.setattr(tfds, "builder", Builder)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The directory of a small `ag_news_subset`, written by TensorFlow Datasets itself."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def split(titles, descriptions, labels):
        columns = {"title": titles, "description": descriptions, "label": labels}
        return tf.data.Dataset.from_tensor_slices(columns)

    features = {
        "title": tfds.features.Text(),
        "description": tfds.features.Text(),
        "label": tfds.features.ClassLabel(names=["World", "Sports", "Business", "Sci/Tech"]),
    }
    splits = {
        "train": split(["Chip", "Cup", ""], ["Faster.", "Won.", "Æon."], [3, 1, 2]),
        "test": split(["Vote"], ["Closed."], [0]),
    }
    root = tmp_path_factory.mktemp("tfds")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="ag_news_subset",
        version="1.0.0",
        features=tfds.features.FeaturesDict(features),
        split_datasets=splits,
        data_dir=str(root),
        disable_shuffling=True,
    )
    return root


def check_prepared(news):
    assert sorted(zip(news.train_texts, news.train_labels.tolist(), strict=True)) == [
        ("Chip Faster.", 3),
        ("Cup Won.", 1),
        ("Æon.", 2),
    ]
    assert news.test_texts == ["Vote Closed."]
    assert news.test_labels.tolist() == [0]
    assert news.test_labels.dtype == np.int32
    assert news.source == "AG News (TFDS)"


@pytest.mark.parametrize("source", ["ag-news", "auto"])
def test_reads_tfds_from_disk_without_a_network(empty_disk, prepared, monkeypatch, capsys, source):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    check_prepared(load_news(source))
    assert "AG News (TFDS)" in capsys.readouterr().out.splitlines()[0]


def test_downloads_through_tfds(mirror, prepared, tmp_path, monkeypatch):
    set_tfds_builder(monkeypatch, lambda: shutil.copytree(prepared, tmp_path / "tfds"))
    check_prepared(load_news("ag-news"))


def test_takes_the_mirror_where_tfds_fails(mirror, empty_disk, capsys):
    news = load_news("ag-news")
    assert news.train_texts == ["Chip Faster.", "Cup Won 2-0."]
    assert news.train_labels.tolist() == [3, 1]
    assert news.test_texts == ["Élection Fermée."]
    assert news.source == "AG News (CSV)"
    # The error in one line.
    assert "(no Drive)" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in empty_disk.iterdir()} == AG_NEWS


def test_reads_the_mirrors_files_from_disk_the_next_time(mirror, monkeypatch):
    load_news("ag-news")
    monkeypatch.setattr(module, "MIRROR", "http://127.0.0.1:9/")
    assert load_news("auto").source == "AG News (CSV)"


def test_wrong_md5_is_a_connection_error_and_takes_no_name(mirror, empty_disk):
    mirror["test.csv"] = b'"1","Somebody else\'s","file"\n'
    with pytest.raises(ConnectionError, match=r"test\.csv") as caught:
        load_news("ag-news")
    assert "\n" not in str(caught.value)
    assert (empty_disk / "train.csv").read_bytes() == AG_NEWS["train.csv"]
    assert not (empty_disk / "test.csv").exists()


def test_a_refused_download_is_repeated_after_it(mirror, empty_disk):
    good = mirror["train.csv"]
    mirror["train.csv"] = good[:-5]
    with pytest.raises(ConnectionError):
        load_news("ag-news")
    mirror["train.csv"] = good
    assert len(load_news("ag-news").train_texts) == 2


def test_missing_on_the_mirror_is_a_connection_error(mirror):
    del mirror["train.csv"]
    with pytest.raises(ConnectionError, match=r"train\.csv"):
        load_news("ag-news")


def test_auto_says_in_its_first_line_that_the_sample_stands_in_for_a_failed_download(
    mirror, capsys
):
    mirror.clear()
    assert "sample" in load_news("auto").source
    assert "sample" in capsys.readouterr().out.splitlines()[0]


def test_auto_offline_says_in_its_first_line_that_the_sample_stands_in(empty_disk, capsys):
    started = time.perf_counter()
    news = load_news("auto")
    assert time.perf_counter() - started < 10
    assert "sample" in news.source
    first, second = capsys.readouterr().out.splitlines()
    assert "sample stands in for AG News" in first
    assert second == f"Data: {news}"


def test_ag_news_offline_is_a_connection_error(empty_disk):
    with pytest.raises(ConnectionError, match="cannot be reached"):
        load_news("ag-news")


def test_a_name_server_that_does_not_answer_is_not_waited_for(empty_disk, monkeypatch):
    assert sources.PROBE_SECONDS < 10
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(module, "MIRROR", "http://mirror.invalid/")
    released = threading.Event()

    def never(*args, **kwargs):
        released.wait(20)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    started = time.perf_counter()
    with pytest.raises(ConnectionError):
        load_news("ag-news")
    assert time.perf_counter() - started < 5
    released.set()


def test_a_server_that_does_not_answer_is_not_waited_for(empty_disk, monkeypatch):
    monkeypatch.setattr(sources, "PROBE_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(module, "MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        started = time.perf_counter()
        with pytest.raises(ConnectionError):
            load_news("ag-news")
        assert time.perf_counter() - started < 5


def test_real_ag_news():
    directory = real_data("ag_news_csv")
    news = load_news(directory)
    assert len(news.train_texts) == len(news.train_labels) == 65_280
    assert len(news.test_texts) == 7_600
    assert np.bincount(news.test_labels).tolist() == [1_900] * 4
    assert news.class_names == ("World", "Sports", "Business", "Sci/Tech")
    with open(directory / "test.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert news.test_texts[-1] == f"{rows[-1][1]} {rows[-1][2]}"
    assert news.test_labels[-1] == int(rows[-1][0]) - 1
