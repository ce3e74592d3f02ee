"""Numbers and times as people read them (spec 9.6). Pure."""

from datetime import datetime

_FOREVER_YEARS = 20
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 24 * _HOUR_S


def human_bytes(size_bytes: int) -> str:
    """Decimal units: "986 MB", "9.6 GB"."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if size_bytes >= size:
            value = size_bytes / size
            if value >= 10 or size_bytes % size == 0:
                return f"{int(value)} {unit}"
            return f"{value:.1f} {unit}"
    return f"{size_bytes} B"


def human_number(value: int) -> str:
    """A count: "7B", "8.2B", "134.52M", "512K"."""
    if value >= 10**9:
        digits = 0 if value % 10**9 == 0 else 1
        return f"{value / 10**9:.{digits}f}B"
    if value >= 10**6:
        digits = 0 if value % 10**6 == 0 else 2
        return f"{value / 10**6:.{digits}f}M"
    if value >= 10**3:
        return f"{value / 10**3:.0f}K"
    return str(value)


def human_duration(seconds: float) -> str:
    """About how long: "4 minutes", "2 weeks"."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    if whole < _MINUTE_S:
        return _count(whole, "second")
    minutes = whole // _MINUTE_S
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    hours = int(seconds / _HOUR_S + 0.5)
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for limit_days, unit_days, unit in ((14, 1, "days"), (60, 7, "weeks"), (730, 30, "months")):
        if hours < limit_days * 24:
            return f"{hours // (24 * unit_days)} {unit}"
    return f"{int(seconds / (365 * _DAY_S))} years"


def human_time(moment: datetime | None, now: datetime, zero: str) -> str:
    """How long ago, or from now. `zero` for no time; both datetimes are aware."""
    if moment is None or moment.year <= 1:
        return zero
    distance_s = (now - moment).total_seconds()
    if distance_s < -_FOREVER_YEARS * 365 * _DAY_S:
        return "Forever"
    if distance_s < 0:
        return human_duration(-distance_s) + " from now"
    return human_duration(distance_s) + " ago"


def _count(value: int, unit: str) -> str:
    return f"{value} {unit}" if value == 1 else f"{value} {unit}s"
