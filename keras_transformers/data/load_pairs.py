"""Sentence pairs: generated ones, a directory of tab-separated files, or TED talks."""

import contextlib
import io
import os
import sys
from pathlib import Path

from keras_transformers.data.date_pairs import date_pairs
from keras_transformers.data.pairs import Pairs
from keras_transformers.data.reversal_pairs import reversal_pairs
from keras_transformers.data.sources import is_reachable, prepared_dataset
from keras_transformers.utils import one_line, read_text

TED = "ted_hrlr_translate/pt_to_en"
TED_ADDRESS = "http://www.phontron.com/data/qi18naacl-dataset.tar.gz"


def load_pairs(source: str | os.PathLike[str] = "auto") -> Pairs:
    """Loads sentence pairs, and prints one line that says which ones.

    Args:
        source: one of

            - `"dates"`: dates as people write them and their ISO form, generated; see
              `date_pairs`.
            - `"reversal"`: letters and the same letters backwards, generated; see
              `reversal_pairs`.
            - `"ted"`: TED talks, Portuguese to English (Qi et al., 2018, arXiv 1804.06323; 51,785
              training, 1,193 validation and 1,803 test pairs), as TensorFlow Datasets keeps them
              (`ted_hrlr_translate/pt_to_en`): from disk, else downloaded.
            - a directory with `train.tsv`, `valid.tsv` and `test.tsv` in UTF-8, a pair a line:
              `source<TAB>target`. Blank lines are skipped.
            - `"auto"`: the TED talks where they are on disk, else the dates. A line printed
              before the other says which, and why.

    Returns:
        A `Pairs`.

    Raises:
        ConnectionError: for `"ted"`, if they are not on disk and cannot be downloaded.
        FileNotFoundError: if the directory or one of its files is missing.
        ValueError: if a file is empty, not UTF-8, or has a malformed line; the message names the
            file and the line.

    Example:
        >>> from keras_transformers.data import load_pairs
        >>> pairs = load_pairs("dates")
        Data: generated dates, seed 0: 20,000 training, 1,000 validation and 1,000 test pairs
        >>> pairs.test_sources[1], pairs.test_targets[1]
        ("SATURDAY, 20 JUNE '64", '1964-06-20')
    """
    if source == "auto":
        pairs = _ted_or_dates()
    elif source == "dates":
        pairs = date_pairs()
    elif source == "reversal":
        pairs = reversal_pairs()
    elif source == "ted":
        pairs = _read_ted(prepared_dataset(TED) or _download_ted())
    else:
        pairs = _read_directory(Path(source))
    print(f"Data: {pairs}", flush=True)
    return pairs


def _ted_or_dates():
    if directory := prepared_dataset(TED):
        print("The TED talks, which TensorFlow Datasets has on disk, are taken.", flush=True)
        return _read_ted(directory)
    print(
        "Generated dates stand in for the TED talks, which TensorFlow Datasets does not have on "
        "disk.",
        flush=True,
    )
    return date_pairs()


def _download_ted():
    if not is_reachable(TED_ADDRESS):
        raise ConnectionError(
            "the TED talks are not on disk and their server cannot be reached; a directory with "
            "train.tsv, valid.tsv and test.tsv can be given instead"
        )
    import tensorflow_datasets as tfds

    try:
        with contextlib.redirect_stdout(sys.stderr):  # the first line is for what data it is
            tfds.builder(TED).download_and_prepare()
    except Exception as error:
        refusal = f"TensorFlow Datasets gave no TED talks: {one_line(error)}"
        raise ConnectionError(refusal) from error
    return prepared_dataset(TED)


def _read_ted(directory):
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    parts = []
    for split in ("train", "validation", "test"):
        rows = builder.as_dataset(split=split, batch_size=-1)
        parts += [[text.decode("utf-8") for text in rows[key].numpy()] for key in ("pt", "en")]
    return Pairs(*parts, "TED talks, Portuguese to English (TFDS)")


def _read_directory(directory):
    if not directory.is_dir():
        raise FileNotFoundError(
            f"{directory}: expected 'auto', 'dates', 'reversal', 'ted' or a directory with "
            "train.tsv, valid.tsv and test.tsv, found no such directory"
        )
    parts = [_read_tsv(directory / f"{part}.tsv") for part in ("train", "valid", "test")]
    return Pairs(*(texts for part in parts for texts in part), str(directory))


def _read_tsv(path):
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a TSV file, found none")
    sources, targets = [], []
    # Text streams end lines as files do; str.splitlines would at characters within a text, too.
    for number, line in enumerate(io.StringIO(read_text(path), newline=None), 1):
        line = line.rstrip("\n")
        if not line.strip(" "):
            continue
        source, target = _check_line(line, f"{path}, line {number}")
        sources.append(source)
        targets.append(target)
    if not sources:
        raise ValueError(f"{path}: expected at least one pair, found an empty file")
    return sources, targets


def _check_line(line, place):
    texts = line.split("\t")
    if len(texts) != 2:
        raise ValueError(f"{place}: expected source<TAB>target, found {len(texts) - 1} tabs")
    for side, text in zip(("source", "target"), texts, strict=True):
        if not text.strip():
            raise ValueError(f"{place}: expected source<TAB>target, found an empty {side}")
    return texts
