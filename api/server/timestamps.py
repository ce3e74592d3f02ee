"""Times on the wire: RFC 3339 with trimmed fractions, as Go prints them. Pure."""

import time
from datetime import UTC, datetime, timedelta

_FOREVER = timedelta(days=292 * 365)


def utc_now() -> str:
    """The present, UTC, at most nine fractional digits, trailing zeros trimmed (spec 1.1)."""
    return format_utc_ns(time.time_ns())


def format_utc_ns(nanoseconds: int) -> str:
    """Nanoseconds since the epoch as UTC with suffix Z."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def format_local(moment: datetime) -> str:
    """An aware time in the zone of this machine."""
    local = moment.astimezone()
    text = local.replace(tzinfo=None, microsecond=0).isoformat()
    if local.microsecond:
        text += "." + f"{local.microsecond:06d}".rstrip("0")
    offset = local.utcoffset() or timedelta()
    if not offset:
        return text + "Z"
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    return f"{text}{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def format_expiry(moment: datetime | None) -> str:
    """When a model is unloaded. None, for ever, is 292 years from now as in Ollama."""
    return format_local(moment if moment is not None else datetime.now(UTC) + _FOREVER)
