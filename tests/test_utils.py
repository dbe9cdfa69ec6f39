"""Argument checks, and files that are written whole or not at all."""

import pytest

from keras_transformers.utils import check_positive, check_rate, replacing


@pytest.mark.parametrize("value", [1, 7, 10**9])
def test_positive_integers_are_given_back(value):
    assert check_positive("size", value) == value


@pytest.mark.parametrize("value", [0, -1, 1.0, 2.5, True, "3", None])
def test_anything_else_is_not_positive(value):
    with pytest.raises(ValueError, match="`size` must be a positive integer") as caught:
        check_positive("size", value)
    assert str(caught.value).endswith(f"Received: size={value!r}")


@pytest.mark.parametrize("value", [0, 0.0, 0.1, 0.999])
def test_rates_are_given_back(value):
    assert check_rate("rate", value) == value


@pytest.mark.parametrize("value", [1, 1.0, -0.1, 2, float("nan"), True, False, "0.1", None])
def test_anything_else_is_not_a_rate(value):
    with pytest.raises(ValueError, match=r"`rate` must be in the interval \[0, 1\)") as caught:
        check_rate("rate", value)
    assert str(caught.value).endswith(f"Received: rate={value!r}")


def test_replacing_gives_the_file_its_name_at_the_end(tmp_path):
    target = tmp_path / "metrics.json"
    target.write_text("old")
    with replacing(target) as path:
        assert path.parent.parent == tmp_path
        assert path.suffix == ".json"
        path.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_twice_at_once(tmp_path):
    with replacing(tmp_path / "a.txt") as first:
        first.write_text("first")
        with replacing(tmp_path / "a.txt") as second:
            second.write_text("second")
        assert first.read_text() == "first"
    assert (tmp_path / "a.txt").read_text() == "first"


def test_replacing_takes_a_path_as_text(tmp_path):
    with replacing(str(tmp_path / "a.txt")) as path:
        path.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_replacing_leaves_the_old_file_where_writing_fails(tmp_path, error):
    target = tmp_path / "metrics.json"
    target.write_text("old")

    def write():
        with replacing(target) as path:
            path.write_text("ha")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_leaves_nothing_where_there_was_nothing(tmp_path):
    with (
        pytest.raises(OSError, match=r"a.txt: could not.* disk full"),
        replacing(tmp_path / "a.txt"),
    ):
        raise OSError("disk full")
    assert list(tmp_path.iterdir()) == []
