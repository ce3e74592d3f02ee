from datetime import UTC, datetime, timedelta

import pytest

from app.cli.ps import processor, until

NOW = datetime(2026, 8, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "size_vram", "text"),
    [
        (100, 0, "100% CPU"),
        (100, 100, "100% GPU"),
        (100, 101, "Unknown"),
        (0, 1, "Unknown"),
        (100, 75, "25%/75% CPU/GPU"),
        (1000, 995, "1%/99% CPU/GPU"),
    ],
)
def test_processor(size: int, size_vram: int, text: str) -> None:
    assert processor(size, size_vram) == text


def test_until() -> None:
    assert until(NOW - timedelta(seconds=1), NOW) == "Stopping..."
    assert until(NOW + timedelta(minutes=5), NOW) == "5 minutes from now"
    assert until(NOW + timedelta(days=100_000), NOW) == "Forever"
