from datetime import UTC, datetime, timedelta

import pytest

from app.cli.format import human_bytes, human_duration, human_number, human_time

NOW = datetime(2026, 8, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1500, "1.5 KB"),
        (10_999, "10 KB"),
        (6_313_000, "6.3 MB"),
        (986_061_892, "986 MB"),
        (2_000_000_000, "2 GB"),
        (9_600_000_000, "9.6 GB"),
        (1_234_000_000_000, "1.2 TB"),
    ],
)
def test_bytes(size: int, text: str) -> None:
    assert human_bytes(size) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1K"),
        (26_000_000, "26M"),
        (134_515_008, "134.52M"),
        (7_000_000_000, "7B"),
        (8_190_735_360, "8.2B"),
    ],
)
def test_numbers(value: int, text: str) -> None:
    assert human_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59.9, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (1.4 * 3600, "About an hour"),
        (1.6 * 3600, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (59 * 86400, "8 weeks"),
        (60 * 86400, "2 months"),
        (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (None, "Never"),
        (datetime(1, 1, 1, tzinfo=UTC), "Never"),
        (NOW - timedelta(days=15), "2 weeks ago"),
        (NOW + timedelta(minutes=4, seconds=30), "4 minutes from now"),
        (NOW + timedelta(days=21 * 365), "Forever"),
    ],
)
def test_times(moment: datetime | None, text: str) -> None:
    assert human_time(moment, NOW, "Never") == text
