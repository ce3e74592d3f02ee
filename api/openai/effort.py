"""How much a model is asked to think, in OpenAI's words (spec 1.15)."""

from engine.errors import InvalidRequestError
from engine.library.gotext import quote

_THINK: dict[str, bool | str | None] = {
    "": None,
    "none": False,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "max": "max",
    "xhigh": "max",
    "ultra": "max",
}


def read_effort(effort: str) -> bool | str | None:
    """The engine's `think`. Raises InvalidRequestError."""
    if effort not in _THINK:
        raise InvalidRequestError(
            f'invalid reasoning value: {quote(effort)} (must be "minimal", "low", "medium", '
            '"high", "xhigh", "ultra", "max", or "none")'
        )
    return _THINK[effort]
