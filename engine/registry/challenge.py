"""The Bearer challenge of a registry (`WWW-Authenticate`), as a value. Pure."""

import re
from dataclasses import dataclass

MAX_CHALLENGE = 8 * 1024

_PARAMETER = re.compile(r'\s*([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]*))\s*(?:,|$)')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True)
class Challenge:
    """Where to get a token, and for what."""

    realm: str
    service: str = ""
    scopes: tuple[str, ...] = ()


def parse_challenge(header: str) -> Challenge | None:
    """None if it is no Bearer challenge that names a realm."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != "bearer" or len(header) > MAX_CHALLENGE:
        return None
    values: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None:
            return None
        quoted = match[2]
        text = match[3] if quoted is None else _ESCAPE.sub(r"\1", quoted)
        # Said twice is said differently to different readers.
        if values.setdefault(match[1].lower(), text) != text:
            return None
        position = match.end()
    if not values.get("realm"):
        return None
    return Challenge(
        values["realm"], values.get("service", ""), tuple(values.get("scope", "").split())
    )
