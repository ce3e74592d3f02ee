"""How urgent a request is, in the words of its header."""

from typing import Final

from starlette.requests import Request

from engine.errors import InvalidRequestError
from engine.frames import Priority

PRIORITY_HEADER: Final = "X-Corral-Priority"

_PRIORITIES: Final[dict[str, Priority]] = {"interactive": 0, "normal": 1, "background": 2}


def read_priority(request: Request) -> Priority:
    """Normal unless the header says otherwise. Raises InvalidRequestError."""
    word = request.headers.get(PRIORITY_HEADER, "normal").strip().lower()
    priority = _PRIORITIES.get(word)
    if priority is None:
        raise InvalidRequestError(f"{PRIORITY_HEADER} must be interactive, normal or background")
    return priority
