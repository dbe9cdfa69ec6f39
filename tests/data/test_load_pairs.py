"""Directories of sentence pairs, TED talks and generated ones: what is read, what is refused."""

import importlib
import shutil
import time

import pytest

from keras_transformers.data import Pairs, date_pairs, load_pairs, reversal_pairs

# The package's attribute of this name is the function.
module = importlib.import_module("keras_transformers.data.load_pairs")

GOOD = "One dog.\tEin Hund.\nTwo cats.\tZwei Katzen.\n"


def write_directory(directory, **contents):
    directory.mkdir(exist_ok=True)
    for part in ("train", "valid", "test"):
        content = contents.get(part, GOOD)
        data = content if isinstance(content, bytes) else content.encode()
        (directory / f"{part}.tsv").write_bytes(data)
    return directory


def error_of(directory, kind=ValueError):
    with pytest.raises(kind) as caught:
        load_pairs(directory)
    return str(caught.value)


# --- generated -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "generate"), [("dates", date_pairs), ("reversal", reversal_pairs)]
)
def test_generated_pairs(source, generate, capsys):
    pairs = load_pairs(source)
    assert pairs == generate()
    assert capsys.readouterr().out == f"Data: {pairs}\n"


# --- directories -----------------------------------------------------------------------------


def test_reads_a_directory(tmp_path, capsys):
    directory = write_directory(
        tmp_path / "pairs",
        train='He said "go".\tEr sagte "geh".\nÄ\u2028b \tß\x85c\n',
        valid="a\tb",
    )
    assert load_pairs(directory) == Pairs(
        ['He said "go".', "Ä\u2028b "],
        ['Er sagte "geh".', "ß\x85c"],
        ["a"],
        ["b"],
        ["One dog.", "Two cats."],
        ["Ein Hund.", "Zwei Katzen."],
        str(directory),
    )
    out = capsys.readouterr().out
    assert out == f"Data: {directory}: 2 training, 1 validation and 2 test pairs\n"


def test_takes_a_path_as_text(tmp_path):
    assert load_pairs(str(write_directory(tmp_path / "pairs"))).train_targets[0] == "Ein Hund."


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_byte_order_mark_blank_lines_and_line_ends_are_no_text(tmp_path, line_end):
    lines = ["", "One dog.\tEin Hund.", "", "  ", "Two cats.\tZwei Katzen.", "", ""]
    train = b"\xef\xbb\xbf" + line_end.join(lines).encode()
    pairs = load_pairs(write_directory(tmp_path / "pairs", train=train))
    assert pairs.train_sources == ["One dog.", "Two cats."]
    assert pairs.train_targets == ["Ein Hund.", "Zwei Katzen."]


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("no tab", "0 tabs"),
        ("two\ttabs\there", "2 tabs"),
        ("\tno source", "an empty source"),
        ("no target\t", "an empty target"),
        (" \t ", "an empty source"),
        ("\t", "an empty source"),
    ],
)
def test_malformed_line_names_file_and_line(tmp_path, part, line, found):
    directory = write_directory(tmp_path / "pairs", **{part: GOOD + "\n" + line + "\n"})
    path = directory / f"{part}.tsv"
    assert error_of(directory) == f"{path}, line 4: expected source<TAB>target, found {found}"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_file_that_is_not_utf8_names_file_and_line(tmp_path, start):
    train = start + GOOD.encode() + "Épée\tDegen\n".encode("latin-1")
    directory = write_directory(tmp_path / "pairs", train=train)
    path = directory / "train.tsv"
    assert error_of(directory) == f"{path}, line 3: expected UTF-8 text, found the byte 0xc9"


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_empty_file(tmp_path, content):
    directory = write_directory(tmp_path / "pairs", test=content)
    path = directory / "test.tsv"
    assert error_of(directory) == f"{path}: expected at least one pair, found an empty file"


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_missing_file(tmp_path, part):
    directory = write_directory(tmp_path / "pairs")
    path = directory / f"{part}.tsv"
    path.unlink()
    assert error_of(directory, FileNotFoundError) == f"{path}: expected a TSV file, found none"


def test_missing_directory(tmp_path):
    assert error_of(tmp_path / "nowhere", FileNotFoundError) == (
        f"{tmp_path / 'nowhere'}: expected 'auto', 'dates', 'reversal', 'ted' or a directory with "
        "train.tsv, valid.tsv and test.tsv, found no such directory"
    )


def test_real_sentences(translation):
    pairs = load_pairs(translation)
    assert str(pairs).endswith(": 28,994 training, 1,014 validation and 1,000 test pairs")
    assert pairs.train_sources[0] == "Two young, White males are outside near many bushes."
    assert pairs.test_targets[4] == "Leute Reparieren das Dach eines Hauses."
    assert not set(pairs.train_sources) & set(pairs.test_sources)


# --- TED talks -------------------------------------------------------------------------------


@pytest.fixture
def empty_disk(tmp_path, monkeypatch):
    """Nothing prepared, and no server that answers."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(module, "TED_ADDRESS", "http://127.0.0.1:9/")
    return tmp_path / "tfds"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The directory of a few TED talks, written by TensorFlow Datasets itself."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    def split(*pairs):
        pt, en = zip(*pairs, strict=True)
        return tf.data.Dataset.from_tensor_slices({"pt": list(pt), "en": list(en)})

    root = tmp_path_factory.mktemp("tfds")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="ted_hrlr_translate",
        config="pt_to_en",
        version="1.0.0",
        features=tfds.features.Translation(languages=("pt", "en")),
        split_datasets={
            "train": split(("não", "no"), ("três", "three")),
            "validation": split(("sim", "yes")),
            "test": split(("pão", "bread")),
        },
        data_dir=str(root),
        disable_shuffling=True,
    )
    return root


def set_tfds_builder(monkeypatch, download_and_prepare):
    import tensorflow_datasets as tfds

    class Builder:
        def __init__(self, name):
            assert name == "ted_hrlr_translate/pt_to_en"
            self.download_and_prepare = download_and_prepare

    monkeypatch.setattr(tfds, "builder", Builder)


TED = Pairs(
    ["não", "três"],
    ["no", "three"],
    ["sim"],
    ["yes"],
    ["pão"],
    ["bread"],
    "TED talks, Portuguese to English (TFDS)",
)


def test_reads_ted_from_disk_without_a_network(empty_disk, prepared, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert load_pairs("ted") == TED
    assert capsys.readouterr().out == f"Data: {TED}\n"


def test_auto_takes_ted_from_disk_and_says_so_first(empty_disk, prepared, monkeypatch, capsys):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert load_pairs() == TED
    first, second = capsys.readouterr().out.splitlines()
    assert first == "The TED talks, which TensorFlow Datasets has on disk, are taken."
    assert second == f"Data: {TED}"


def test_auto_says_first_that_dates_stand_in_and_asks_no_server(empty_disk, monkeypatch, capsys):
    monkeypatch.setattr(module, "is_reachable", lambda url: pytest.fail("a server was asked"))
    pairs = load_pairs("auto")
    assert pairs == date_pairs()
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        "Generated dates stand in for the TED talks, which TensorFlow Datasets does not have on "
        "disk."
    )
    assert second == f"Data: {pairs}"


def test_ted_offline_is_a_connection_error_at_once(empty_disk):
    started = time.perf_counter()
    assert "cannot be reached" in error_of("ted", ConnectionError)
    assert time.perf_counter() - started < 10


def test_downloads_ted_and_keeps_the_progress_out_of_the_output(
    empty_disk, prepared, monkeypatch, capsys
):
    def download():
        print("Downloading")
        shutil.copytree(prepared, empty_disk)

    monkeypatch.setattr(module, "is_reachable", lambda url: url == "http://127.0.0.1:9/")
    set_tfds_builder(monkeypatch, download)
    assert load_pairs("ted") == TED
    out, err = capsys.readouterr()
    assert out == f"Data: {TED}\n"
    assert "Downloading" in err


def test_failed_download_is_a_connection_error_of_one_line(empty_disk, monkeypatch):
    monkeypatch.setattr(module, "is_reachable", lambda url: True)
    set_tfds_builder(monkeypatch, lambda: (_ for _ in ()).throw(RuntimeError("no\nserver")))
    message = error_of("ted", ConnectionError)
    assert message == "TensorFlow Datasets gave no TED talks: no server"
