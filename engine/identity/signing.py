"""What the key signs, byte for byte as servers check it (spec 4.4, 4.6, 4.7). Pure."""

import base64
import secrets
import time
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit, urlunsplit

from engine.identity.key import Key

_EMPTY_BODY = (
    "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5MjQyN2FlNDFlNDY0OWI5MzRjYTQ5NTk5MWI3ODUyYjg1NQ=="
)
"""Base64 of the hexadecimal SHA-256 of nothing."""


def token_url(
    realm: str, service: str, scopes: list[str], *, now_s: int | None = None, nonce: str = ""
) -> str:
    """The URL that asks a registry's token server for a token. `scopes`: one per permission."""
    parts = urlsplit(realm)
    query = parse_qsl(parts.query, keep_blank_values=True)
    query.append(("service", service))
    query += [("scope", scope) for scope in scopes]
    query.append(("ts", str(int(time.time()) if now_s is None else now_s)))
    query.append(("nonce", nonce or secrets.token_urlsafe(16)))
    # Sorted by key only, as Go does: several values of one key keep their order.
    query.sort(key=lambda pair: pair[0])
    text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in query)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, text, ""))


def authorize_token_request(key: Key, url: str) -> str:
    """The Authorization value of a GET of `url`, as made by `token_url`."""
    return key.authorize(f"GET,{url},{_EMPTY_BODY}")


def sign_request(key: Key, method: str, path: str, *, now_s: int | None = None) -> tuple[str, str]:
    """Path with time stamp, and Authorization value, of a request to ollama.com."""
    stamped = f"{path}?ts={int(time.time()) if now_s is None else now_s}"
    return stamped, key.authorize(f"{method},{stamped}")


def encoded_public_key(key: Key) -> str:
    """The public line as part of a URL."""
    return base64.urlsafe_b64encode(key.public_line.encode()).decode("ascii").rstrip("=")


def connect_url(key: Key, host_name: str, base_url: str = "https://ollama.com") -> str:
    """Where a person, signed in to ollama.com, allows this key (spec 4.6)."""
    name = quote(host_name, safe="$&+=:@")  # what Go leaves alone in a path segment
    return f"{base_url}/connect?name={name}&key={encoded_public_key(key)}"
