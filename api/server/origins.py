"""Which web pages may call the server: the Origin allow-list of spec 1.2. Pure."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")
_APP_ORIGINS = ("app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*")


class InvalidOriginError(ValueError):
    """A pattern in OLLAMA_ORIGINS that could never match an origin."""


def default_origins() -> list[str]:
    """The patterns that are always allowed: pages of this machine and desktop apps."""
    origins = []
    for host in _LOCAL_HOSTS:
        origins += [f"http://{host}", f"https://{host}", f"http://{host}:*", f"https://{host}:*"]
    return [*origins, *_APP_ORIGINS]


class OriginList:
    """Patterns with at most one `*` each. Raises InvalidOriginError when built from bad ones."""

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self.allows_all = "*" in extra
        self._pattern = re.compile("|".join(_patterns([*extra, *default_origins()])))
        self.hosts = frozenset(_named_hosts(extra))
        """Host names that the operator listed in so many words."""

    def is_allowed(self, origin: str) -> bool:
        """Whether a page from `origin` may call us. `null` is nobody unless all are allowed."""
        return self.allows_all or self._pattern.fullmatch(origin.lower()) is not None


def _patterns(origins: Iterable[str]) -> Iterable[str]:
    for origin in origins:
        if origin in ("*", ""):
            continue
        if origin.count("*") > 1:
            raise InvalidOriginError(f"bad origin {origin!r}: only one * is allowed")
        if "*" not in origin and "://" not in origin:
            raise InvalidOriginError(
                f"bad origin {origin!r}: origins must contain '*' or a scheme such as http://"
            )
        # A port is digits; anything else stays within the host, so that "http://x:*" or
        # "https://*.example.com" can't be stretched by a longer name or user information.
        wildcard = r"\d+" if origin.endswith(":*") else r"[^/@]*"
        yield wildcard.join(re.escape(part) for part in origin.lower().split("*"))


def _named_hosts(origins: Iterable[str]) -> Iterable[str]:
    for origin in origins:
        if "://" in origin and "*" not in (host := urlsplit(origin).netloc.rpartition("@")[2]):
            yield re.sub(r":\d+$", "", host).lower()
