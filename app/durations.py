"""Durations in Go's notation ("1h2m3.5s"), as Ollama's options and reports write them."""

import math
import re

_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,  # micro sign
    "μs": 1e-6,  # Greek mu
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART = re.compile(r"([0-9]*(?:\.[0-9]*)?)([^0-9.]*)")
_NS_PER_S = 1_000_000_000


class DurationError(ValueError):
    """A text is no duration. `str(error)` is Go's own sentence."""


def parse_duration(text: str) -> float:
    """Seconds. A unit is needed, except for zero. Raises DurationError."""
    quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    unsigned = text[1:] if text[:1] in ("-", "+") else text
    if unsigned == "0":
        return 0.0
    if not unsigned:
        raise DurationError(f"time: invalid duration {quoted}")
    total_s = 0.0
    position = 0
    while position < len(unsigned):
        match = _PART.match(unsigned, position)
        if match is None or match[1] in ("", "."):
            raise DurationError(f"time: invalid duration {quoted}")
        number, unit = match.groups()
        if not unit:
            raise DurationError(f"time: missing unit in duration {quoted}")
        if unit not in _UNITS_S:
            raise DurationError(f'time: unknown unit "{unit}" in duration {quoted}')
        total_s += float(number) * _UNITS_S[unit]
        position = match.end()
    return -total_s if text.startswith("-") else total_s


def format_duration(nanoseconds: int) -> str:
    """As Go prints a time.Duration: "1m5.25s", "350ms", "0s"."""
    if nanoseconds < 0:
        return "-" + format_duration(-nanoseconds)
    if nanoseconds < _NS_PER_S:
        if nanoseconds == 0:
            return "0s"
        for unit, size in (("ms", 1_000_000), ("µs", 1_000)):
            if nanoseconds >= size:
                return _decimal(nanoseconds, size) + unit
        return f"{nanoseconds}ns"
    minutes, rest = divmod(nanoseconds, 60 * _NS_PER_S)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, _NS_PER_S) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = round(math.log10(unit))
    fraction = f"{rest:0{digits}d}".rstrip("0")
    return f"{whole}.{fraction}" if fraction else str(whole)
