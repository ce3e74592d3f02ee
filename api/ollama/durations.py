"""Go durations and `keep_alive` (spec 2.2). Pure."""

import re

from engine.completion import KEEP_FOREVER
from engine.library.gotext import quote

_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,  # both letters that look like the Greek mu are in use
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_TERM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)([^\d.]*)")
_MAX_S = 2**63 / 1e9
"""Go counts nanoseconds in 64 bits: about 292 years."""


def parse_duration(text: str) -> float:
    """Seconds of a Go duration such as `1h30m`. Raises ValueError with Go's text."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    if not rest:
        raise ValueError(f"time: invalid duration {quote(text)}")
    total = 0.0
    while rest:
        match = _TERM.match(rest)
        if match is None:
            raise ValueError(f"time: invalid duration {quote(text)}")
        number, unit = match.groups()
        if not unit:
            raise ValueError(f"time: missing unit in duration {quote(text)}")
        if unit not in _UNITS_S:
            raise ValueError(f"time: unknown unit {quote(unit)} in duration {quote(text)}")
        total += float(number) * _UNITS_S[unit]
        rest = rest[match.end() :]
    if total > _MAX_S:
        raise ValueError(f"time: invalid duration {quote(text)}")
    return -total if text.startswith("-") else total


def parse_keep_alive(value: object) -> float:
    """Seconds to stay loaded from the JSON value. Raises ValueError with Ollama's text."""
    match value:
        case bool():
            raise ValueError("Unsupported type: 'bool'")
        case int() | float():
            seconds = float(value) if abs(value) < _MAX_S else _MAX_S * (1 if value > 0 else -1)
        case str():
            seconds = parse_duration(value)
        case list():
            raise ValueError("Unsupported type: '[]interface {}'")
        case _:
            raise ValueError("Unsupported type: 'map[string]interface {}'")
    return KEEP_FOREVER if seconds < 0 or seconds >= _MAX_S else seconds
