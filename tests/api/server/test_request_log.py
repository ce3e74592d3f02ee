"""The ring of requests."""

import pytest

from api.server.request_log import RequestLog, RequestRecord


def record(number: int) -> RequestRecord:
    return RequestRecord(
        id=str(number),
        route="/api/chat",
        model="m",
        started_at="",
        duration_ms=1,
        first_token_ms=None,
        prompt_tokens=0,
        cached_tokens=0,
        generated_tokens=0,
        done_reason="",
        status=200,
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9])
def test_the_newest_are_kept(count):
    log = RequestLog(3)
    for number in range(count):
        log.add(record(number))
    expected = [str(number) for number in reversed(range(count))][:3]
    assert [one.id for one in log.newest_first()] == expected
