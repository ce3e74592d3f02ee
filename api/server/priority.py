"""How urgent a request is, in the words of its header."""

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from engine.errors import InvalidRequestError
from engine.frames import Priority

PRIORITY_HEADER: Final = "X-Corral-Priority"

PRIORITY_PATHS: Final = frozenset(
    {
        "/api/generate",
        "/api/chat",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/messages",
        "/v1/responses",
    }
)
_PRIORITIES: Final[dict[str, Priority]] = {"interactive": 0, "normal": 1, "background": 2}


def read_priority(request: Request) -> Priority:
    """Normal unless the header says otherwise. Raises InvalidRequestError."""
    word = request.headers.get(PRIORITY_HEADER, "normal").strip().lower()
    priority = _PRIORITIES.get(word)
    if priority is None:
        raise InvalidRequestError(f"{PRIORITY_HEADER} must be interactive, normal or background")
    return priority


def describe_priority(document: Mapping[str, Any]) -> None:
    """Tell of the header in an OpenAPI document, at the routes that look at it."""
    header = {
        "name": PRIORITY_HEADER,
        "in": "header",
        "required": False,
        "description": "Who goes first when requests wait for the same model.",
        "schema": {"type": "string", "enum": list(_PRIORITIES), "default": "normal"},
    }
    for path in PRIORITY_PATHS & set(document["paths"]):
        document["paths"][path]["post"].setdefault("parameters", []).append(header)
