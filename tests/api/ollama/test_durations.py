"""Go durations and keep_alive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.ollama.durations import parse_duration, parse_keep_alive
from engine.completion import KEEP_FOREVER


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("300ms", 0.3),
        ("1.5h", 5400),
        ("5m30s", 330),
        ("-1m", -60),
        ("+2s", 2),
        (".5s", 0.5),
        ("1\u00b5s", 1e-6),
        ("0s", 0),
    ],
)
def test_durations_are_read_as_go_reads_them(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("x", 'time: invalid duration "x"'),
        ("300", 'time: missing unit in duration "300"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("9999999h", 'time: invalid duration "9999999h"'),
    ],
)
def test_bad_durations_are_told_in_the_words_of_go(text, message):
    with pytest.raises(ValueError, match="time: ") as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        ("0", 0.0),
        (300, 300.0),
        (0.5, 0.5),
        (-1, KEEP_FOREVER),
        ("-1m", KEEP_FOREVER),
        ("5m", 300.0),
        (10**400, KEEP_FOREVER),
    ],
)
def test_keep_alive_takes_numbers_and_durations(value, seconds):
    assert parse_keep_alive(value) == seconds


@pytest.mark.parametrize(
    ("value", "kind"),
    [(False, "bool"), ([], "[]interface {}"), ({}, "map[string]interface {}")],
)
def test_keep_alive_refuses_other_types(value, kind):
    with pytest.raises(ValueError, match="Unsupported type") as caught:
        parse_keep_alive(value)
    assert str(caught.value) == f"Unsupported type: '{kind}'"


@given(st.text(alphabet="0123456789.hmsunµ-+ x", max_size=12))
def test_any_text_is_a_duration_or_refused(text):
    try:
        outcome = f"time: {parse_duration(text)} s"
    except ValueError as exc:
        outcome = str(exc)
    assert outcome.startswith("time: ")
