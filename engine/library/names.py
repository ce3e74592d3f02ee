"""`ModelName`: the only way from a text to a manifest's path. Pure.

A name is stored as four nested folders and files, so its parts must be safe as file names on
every system: the alphabet keeps out separators and dots at the start, and names that Windows
gives another meaning are refused everywhere, so that a store can move between systems.
"""

import re
from dataclasses import dataclass
from typing import Self

from engine.library.errors import InvalidNameError

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}")
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])([.:].*)?", re.IGNORECASE)


@dataclass(frozen=True)
class ModelName:
    """A complete, valid model name. The case of its letters is kept, but means nothing."""

    host: str
    namespace: str
    model: str
    tag: str

    def __post_init__(self) -> None:
        valid = (
            _is_part(_HOST, self.host)
            and _is_part(_NAMESPACE, self.namespace)
            and _is_part(_PART, self.model)
            and _is_part(_PART, self.tag)
        )
        if not valid:
            raise InvalidNameError(f"{self.host}/{self.namespace}/{self.model}:{self.tag}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `[scheme://][host/][namespace/]model[:tag]`. Raises InvalidNameError (spec 3.1)."""
        rest, tag = text, DEFAULT_TAG
        colon = rest.rfind(":")
        if colon > rest.rfind("/"):
            rest, tag = rest[:colon], rest[colon + 1 :]
        scheme, separator, after = rest.partition("://")
        rest = after if separator else scheme
        parts = rest.split("/")
        host, namespace = DEFAULT_HOST, DEFAULT_NAMESPACE
        if len(parts) >= 2:
            namespace = parts[-2]
        if len(parts) >= 3:
            host = "/".join(parts[:-2])
        try:
            return cls(host, namespace, parts[-1], tag)
        except InvalidNameError as exc:
            raise InvalidNameError(text) from exc

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Host, namespace, model, tag."""
        return (self.host, self.namespace, self.model, self.tag)

    @property
    def full(self) -> str:
        """`host/namespace/model:tag`."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def short(self) -> str:
        """As `full` without default host and, if that is hidden, default namespace."""
        if self.host.casefold() != DEFAULT_HOST:
            return self.full
        if self.namespace.casefold() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"

    @property
    def key(self) -> str:
        """Equal for names that mean the same model."""
        return self.full.lower()

    def matches(self, other: "ModelName") -> bool:
        """Whether both mean the same model."""
        return self.key == other.key

    def __str__(self) -> str:
        return self.short


def _is_part(pattern: re.Pattern[str], text: str) -> bool:
    return (
        pattern.fullmatch(text) is not None
        and not text.endswith(".")
        and _DEVICE.fullmatch(text) is None
    )
