"""Which links of a model's text may be followed. Pure."""

from urllib.parse import urlsplit

ALLOWED_SCHEMES = frozenset({"http", "https"})


def is_allowed(target: str) -> bool:
    """Whether the target is a web address with a host. Parsed, not matched: odd text is refused."""
    try:
        parts = urlsplit(target)
        host = parts.hostname
    except ValueError:
        return False
    if not target.isprintable() or " " in target:
        return False
    return parts.scheme in ALLOWED_SCHEMES and bool(host)


def tells_target(text: str, target: str) -> bool:
    """Whether the link's text already is its target, so that nobody can be misled by it."""
    return text.strip().rstrip("/") == target.rstrip("/")
