"""Generated dates: what they say is their ISO form, and no day of the tests is known before."""

import calendar
import datetime
import re
from collections import Counter

import pytest

from keras_transformers.data import date_pairs
from keras_transformers.data.date_pairs import MONTHS, WEEKDAYS

MONTH_NAMES = [name[:3].lower() for name in calendar.month_name[1:]]
WEEKDAY_NAMES = [name[:3].lower() for name in calendar.day_name]
KINDS = {
    **dict.fromkeys(("st", "nd", "rd"), "th"),
    **dict.fromkeys(calendar.month_abbr, "Mth"),
    **dict.fromkeys(calendar.month_name, "Month"),
    **dict.fromkeys(calendar.day_abbr, "Day"),
    **dict.fromkeys(calendar.day_name, "Weekday"),
}


@pytest.fixture(scope="module")
def pairs():
    return date_pairs()


@pytest.fixture(scope="module")
def shapes(pairs):
    return {shape_of(source) for source in pairs.train_sources}


def all_of(pairs):
    sources = pairs.train_sources + pairs.valid_sources + pairs.test_sources
    return sources, pairs.train_targets + pairs.valid_targets + pairs.test_targets


def words_of(text):
    return re.findall(r"[a-z]+|\d+", text.lower())


def read_date(text):
    """What day a text means: written without a look at the forms."""
    words = words_of(text)
    months = [MONTH_NAMES.index(word[:3]) + 1 for word in words if word[:3] in MONTH_NAMES]
    numbers = [int(word) for word in words if word.isdigit()]
    if numbers[0] > 31:
        numbers.reverse()
    day, *month, year = numbers
    [month] = months + month
    if year < 100:
        year += 1900 if year >= 50 else 2000
    return datetime.date(year, month, day)


def test_every_text_says_what_its_target_says(pairs):
    for source, target in zip(*all_of(pairs), strict=True):
        assert read_date(source).isoformat() == target, source


def test_every_weekday_is_the_right_one(pairs):
    count = 0
    for source, target in zip(*all_of(pairs), strict=True):
        for word in words_of(source):
            if word[:3] in WEEKDAY_NAMES:
                count += 1
                weekday = calendar.weekday(*map(int, target.split("-")))
                assert WEEKDAY_NAMES.index(word[:3]) == weekday, source
    assert count > 1_000


def test_every_ordinal_has_its_ending(pairs):
    found = set()
    for source in pairs.train_sources:
        found |= set(re.findall(r"\b\d+(?:st|nd|rd|th)\b", source.lower()))
    endings = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
    assert found == {f"{day}{endings.get(day, 'th')}" for day in range(1, 32)}


def test_months_and_weekdays_are_spelled_right():
    assert [names[0] for names in MONTHS] == list(calendar.month_name)[1:]
    assert [names[0] for names in WEEKDAYS] == list(calendar.day_name)
    for names in MONTHS + WEEKDAYS:
        assert all(names[0].startswith(name.rstrip(".")) for name in names)


@pytest.mark.parametrize(
    "form",
    [
        "3 May 2021",
        "03 May 2021",
        "3 May '21",
        "3 May 21",
        "3rd May 2021",
        "the 3rd of May 2021",
        "May 3, 2021",
        "May 3rd, 2021",
        "Monday, 3 May 2021",
        "Mon, 3 May 2021",
        "Monday, May 3rd, 2021",
        "2021 May 3",
        "3-May-2021",
        "03/05/21",
        "3/5/2021",
        "03.05.21",
        "3.5.2021",
        "2021-05-03",
        "2021/05/03",
    ],
)
def test_forms(form, shapes):
    assert shape_of(form) in shapes


def shape_of(text):
    """The form alone: "the 3rd of June 2021" becomes "the 9th of Month 9999", "Jun" "Mth"."""
    letters = re.sub("[A-Za-z]+", lambda word: KINDS.get(word[0], word[0]), text)
    return re.sub(r"\d", "9", letters)


def test_slips(pairs):
    sources = pairs.train_sources
    kinds = Counter()
    for source in sources:
        letters = re.sub("[^A-Za-z]", "", source)
        kinds["upper"] += letters.isupper()
        kinds["lower"] += letters.islower()
        kinds["mixed"] += bool(re.search("[a-z][A-Z]", source))
        kinds["doubled"] += "  " in source
        kinds["at an end"] += source != source.strip(" ")
        kinds["missing"] += bool(re.search(r",\S", source))
    assert min(kinds.values()) > 0.01 * len(sources), kinds
    without = sum(source == source.strip(" ") and "  " not in source for source in sources)
    assert without > 0.8 * len(sources)


def test_no_day_of_one_part_is_in_another(pairs):
    train, valid, test = (
        set(targets) for targets in (pairs.train_targets, pairs.valid_targets, pairs.test_targets)
    )
    assert not train & valid
    assert not train & test
    assert not valid & test
    assert len(valid) == len(test) == 1_000
    assert len(train) > 10_000


def test_days_lie_in_the_hundred_years_that_two_digits_tell_apart(pairs):
    years = {int(target[:4]) for target in pairs.train_targets}
    assert years == set(range(1950, 2050))


def test_sizes_are_as_asked_for():
    pairs = date_pairs(7, 5, 3)
    assert [len(pairs.train_sources), len(pairs.train_targets)] == [7, 7]
    assert [len(pairs.valid_sources), len(pairs.valid_targets)] == [5, 5]
    assert [len(pairs.test_sources), len(pairs.test_targets)] == [3, 3]
    assert str(pairs) == "generated dates, seed 0: 7 training, 5 validation and 3 test pairs"


def test_same_seed_same_pairs_other_seed_other_pairs():
    assert date_pairs(50, 5, 5, seed=4) == date_pairs(50, 5, 5, seed=4)
    assert date_pairs(50, 5, 5, seed=4).train_sources != date_pairs(50, 5, 5).train_sources


def test_the_test_part_does_not_depend_on_the_others(pairs):
    other = date_pairs(10, 10, 1_000)
    assert other.test_sources == pairs.test_sources
    assert other.test_targets == pairs.test_targets


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": 0}, "`train` must be a positive integer. Received: train=0"),
        ({"valid": -1}, "`valid` must be a positive integer. Received: valid=-1"),
        ({"test": 1.5}, "`test` must be a positive integer. Received: test=1.5"),
        (
            {"valid": 30_000, "test": 6_525},
            "`valid` and `test` must be fewer than 36,525 days together. "
            "Received: valid=30000, test=6525",
        ),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        date_pairs(**arguments)
