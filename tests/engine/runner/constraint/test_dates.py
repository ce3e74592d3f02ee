"""Dates of the calendar, and no others."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.constraint.dates import PATTERNS, with_real_dates

DATE = re.compile(PATTERNS["date"])


@given(st.dates())
def test_every_date_is_one(day):
    assert DATE.search(day.isoformat())


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
def test_nothing_else_is(year, month, day):
    try:
        date(year, month, day)
        exists = True
    except ValueError:
        exists = False
    assert bool(DATE.search(f"{year:04}-{month:02}-{day:02}")) is exists


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("2024-02-29T23:59:59Z", True),
        ("2024-02-29T23:59:59.123+01:30", True),
        ("2023-02-29T23:59:59Z", False),
        ("2024-02-29T24:00:00Z", False),
        ("2024-02-29 23:59:59Z", False),
    ],
)
def test_moments(text, is_valid):
    assert bool(re.search(PATTERNS["date-time"], text)) is is_valid


def test_only_formats_of_dates_change_and_only_alone():
    plain = {"type": "string", "format": "uuid"}
    assert with_real_dates(plain) is plain
    bounded = {"format": "date", "minLength": 3}
    assert with_real_dates(bounded) is bounded
    assert with_real_dates({"type": "string", "format": "date"}) == {
        "type": "string",
        "pattern": PATTERNS["date"],
    }
