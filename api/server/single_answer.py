"""An answer of one JSON object that takes time: the work ends when the client leaves."""

from collections.abc import AsyncIterator, Awaitable, Callable

from api.server.json_output import JSON_TYPE
from api.server.streaming import Answer


class SingleAnswer(Answer):
    """A response whose body `work()` makes. The work is cancelled if nobody waits any more."""

    def __init__(self, work: Callable[[], Awaitable[bytes]]) -> None:
        async def bodies() -> AsyncIterator[bytes]:
            yield await work()

        super().__init__(bodies(), _Bytes(), stream=False)


class _Bytes:
    """Passes the only event on: it is the body."""

    media_type = JSON_TYPE

    def is_single(self, event: bytes) -> bool:
        return True

    def chunk(self, event: bytes) -> bytes:
        return event

    def whole(self, events: list[bytes]) -> bytes:
        return events[0]

    def failure(self, status: int, text: str) -> bytes:
        return b""  # never: nothing is sent before all is known
