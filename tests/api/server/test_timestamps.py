"""Times as Go prints them."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server.timestamps import format_expiry, format_local, format_utc_ns, utc_now


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (1_787_306_400_123_456_000, "2026-08-21T10:00:00.123456Z"),
    ],
)
def test_trailing_zeros_are_trimmed(nanoseconds, text):
    assert format_utc_ns(nanoseconds) == text


@given(st.integers(0, 4_000_000_000 * 10**9))
def test_every_moment_has_the_form(nanoseconds):
    text = format_utc_ns(nanoseconds)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z", text)


def test_now_is_now():
    shown = datetime.fromisoformat(utc_now()[:26].rstrip("Z") + "+00:00")
    assert abs(shown.timestamp() - time.time()) < 5


def test_local_times_carry_their_offset_and_mean_the_same_moment(monkeypatch):
    moment = datetime(2026, 8, 21, 10, 0, 0, 120_000, timezone(timedelta(hours=5)))
    monkeypatch.setenv("TZ", "America/St_Johns")
    time.tzset()
    try:
        assert format_local(moment) == "2026-08-21T02:30:00.12-02:30"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_models_kept_for_ever_expire_in_centuries():
    year = int(format_expiry(None)[:4])
    assert year - datetime.now(UTC).year > 250
