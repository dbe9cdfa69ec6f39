"""Dates as people write them, and their ISO form."""

import datetime

import numpy as np

from keras_transformers.data.pairs import Pairs
from keras_transformers.utils import check_positive

# Two digits of a year name one of these hundred years, and no other.
FIRST_DAY = datetime.date(1950, 1, 1)
NUM_DAYS = (datetime.date(2050, 1, 1) - FIRST_DAY).days
SLIP_RATE = 0.2

FORMS = (
    "{d} {month} {year}",
    "{d:02} {month} {year}",
    "{nth} {month} {year}",
    "{nth} of {month} {year}",
    "the {nth} of {month} {year}",
    "the {nth} of {month}, {year}",
    "{d}-{mon}-{y}",
    "{month} {d}, {year}",
    "{month} {nth}, {year}",
    "{month} the {nth}, {year}",
    "{weekday}, {d} {month} {year}",
    "{weekday} {nth} {month} {year}",
    "{weekday}, the {nth} of {month} {year}",
    "{weekday}, {month} {d}, {year}",
    "{weekday}, {month} {nth}, {year}",
    "{y} {month} {d}",
    "{d:02}/{m:02}/{yy:02}",
    "{d:02}/{m:02}/{y}",
    "{d}/{m}/{y}",
    "{d:02}.{m:02}.{yy:02}",
    "{d}.{m}.{y}",
    "{d}. {m}. {y}",
    "{d:02}-{m:02}-{y}",
    "{y}-{m:02}-{d:02}",
    "{y}/{m:02}/{d:02}",
)
YEARS = ("{y}", "{y}", "'{yy:02}", "{yy:02}")
MONTHS = (
    ("January", "Jan", "Jan."),
    ("February", "Feb", "Feb."),
    ("March", "Mar", "Mar."),
    ("April", "Apr", "Apr."),
    ("May",),
    ("June", "Jun", "Jun."),
    ("July", "Jul", "Jul."),
    ("August", "Aug", "Aug."),
    ("September", "Sep", "Sep.", "Sept", "Sept."),
    ("October", "Oct", "Oct."),
    ("November", "Nov", "Nov."),
    ("December", "Dec", "Dec."),
)
WEEKDAYS = (
    ("Monday", "Mon", "Mon."),
    ("Tuesday", "Tue", "Tues."),
    ("Wednesday", "Wed", "Wed."),
    ("Thursday", "Thu", "Thurs."),
    ("Friday", "Fri", "Fri."),
    ("Saturday", "Sat", "Sat."),
    ("Sunday", "Sun", "Sun."),
)


def date_pairs(
    train: int = 20_000, valid: int = 1_000, test: int = 1_000, *, seed: int = 0
) -> Pairs:
    """Generates dates as people write them in English, and what they are in ISO form.

    The dates lie between 1950 and 2049. A form is drawn from many for each of them:
    "3 May 2021", "Mon., the 3rd of May '21", "may  3,2021", "03/05/21" (the day comes first),
    "2021-05-03". The month and the weekday may be abbreviated; two digits of a year stand for
    1950 to 2049. A slip in upper and lower case befalls one text in five, and one in five has a
    blank too many or, after a comma, too few.

    No day of the validation or test part is a day of another part, however it is written, and
    the test part stays the same whatever the sizes of the others.

    Args:
        train: int, number of training pairs; a day may come more than once.
        valid: int, number of validation pairs, each of a day of its own.
        test: int, number of test pairs, each of a day of its own.
        seed: int, of all that is drawn.

    Returns:
        A `Pairs`.

    Raises:
        ValueError: if a size is not a positive integer, or `valid` and `test` together leave no
            day for training.

    Example:
        >>> from keras_transformers.data import date_pairs
        >>> pairs = date_pairs(train=100, valid=10, test=10)
        >>> pairs.test_sources[1], pairs.test_targets[1]
        ("SATURDAY, 20 JUNE '64", '1964-06-20')
    """
    check_positive("train", train)
    check_positive("valid", valid)
    check_positive("test", test)
    if valid + test >= NUM_DAYS:
        raise ValueError(
            f"`valid` and `test` must be fewer than {NUM_DAYS:,} days together. "
            f"Received: valid={valid}, test={test}"
        )
    rng = np.random.default_rng(seed)
    test_days, valid_days, train_days = np.split(rng.permutation(NUM_DAYS), [test, test + valid])
    test_part = _pairs_of(test_days, rng)
    valid_part = _pairs_of(valid_days, rng)
    train_part = _pairs_of(rng.choice(train_days, train), rng)
    return Pairs(*train_part, *valid_part, *test_part, f"generated dates, seed {seed}", "character")


def _pairs_of(days, rng):
    dates = [FIRST_DAY + datetime.timedelta(days=day) for day in days.tolist()]
    return [_write(date, rng) for date in dates], [date.isoformat() for date in dates]


def _write(date, rng):
    numbers = {"d": date.day, "m": date.month, "y": date.year, "yy": date.year % 100}
    text = _pick(FORMS, rng).format(
        **numbers,
        nth=_ordinal(date.day),
        month=_pick(MONTHS[date.month - 1], rng),
        mon=MONTHS[date.month - 1][0][:3],
        weekday=_pick(WEEKDAYS[date.weekday()], rng),
        year=_pick(YEARS, rng).format(**numbers),
    )
    if rng.random() < SLIP_RATE:
        text = _pick((str.lower, str.upper, lambda text: _mix_case(text, rng)), rng)(text)
    if rng.random() < SLIP_RATE:
        text = _pick((_join_at_commas, lambda text: _add_blank(text, rng)), rng)(text)
    return text


def _pick(options, rng):
    # As rng.choice, which takes twenty times as long for a single one.
    return options[int(rng.random() * len(options))]


def _ordinal(number):
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 11 <= number <= 13 else endings.get(number % 10, 'th')}"


def _mix_case(text, rng):
    return "".join(_pick((letter.lower(), letter.upper()), rng) for letter in text)


def _add_blank(text, rng):
    words = text.split(" ")
    words.insert(int(rng.random() * (len(words) + 1)), "")
    return " ".join(words)


def _join_at_commas(text):
    return text.replace(", ", ",")
