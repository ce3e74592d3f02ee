"""Calendar dates that exist. Pure.

llguidance takes the 29th of February for a date of every year. A schema's `format` is made a
`pattern` that knows leap years (RFC 3339, section 5.7 and appendix C).
"""

from typing import Any

_MONTH_DAY = (
    "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8])"
)
_LEAP_YEAR = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00"
_DATE = f"(?:[0-9]{{4}}-(?:{_MONTH_DAY})|(?:{_LEAP_YEAR})-02-29)"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,9})?"
_OFFSET = "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

PATTERNS = {"date": f"^{_DATE}$", "date-time": f"^{_DATE}T{_TIME}{_OFFSET}$"}
_BOUNDS = frozenset({"pattern", "minLength", "maxLength"})
"""Beside one of these a format stays what it is: llguidance joins the two."""


def with_real_dates(schema: dict[str, Any]) -> dict[str, Any]:
    """The same keywords, but for a date's `format`. Looks at this one schema only."""
    pattern = PATTERNS.get(schema["format"]) if isinstance(schema.get("format"), str) else None
    if pattern is None or _BOUNDS & schema.keys():
        return schema
    return {
        "pattern" if key == "format" else key: pattern if key == "format" else value
        for key, value in schema.items()
    }
