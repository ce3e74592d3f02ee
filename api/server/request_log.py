"""The last requests and what they took, without anything that was said. Event loop only."""

from collections import deque

import msgspec

MAX_RECORDS = 200


class RequestRecord(msgspec.Struct, kw_only=True, frozen=True):
    """One request that has ended."""

    id: str
    """As in the answer's X-Request-ID header and in the access log."""
    route: str
    model: str
    """As the client wrote it."""
    started_at: str
    duration_ms: float
    first_token_ms: float | None
    """From the request's arrival; null if no text was generated."""
    prompt_tokens: int
    cached_tokens: int
    """Of the prompt tokens."""
    generated_tokens: int
    done_reason: str
    """Empty if nothing was generated, or not to its end."""
    status: int


class RequestList(msgspec.Struct):
    """Answer of GET /api/requests, the newest first."""

    requests: list[RequestRecord]


class RequestLog:
    """A ring of records."""

    def __init__(self, max_records: int = MAX_RECORDS) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=max_records)

    def add(self, record: RequestRecord) -> None:
        """The oldest makes room."""
        self._records.append(record)

    def newest_first(self) -> list[RequestRecord]:
        """All that are remembered."""
        return list(reversed(self._records))
