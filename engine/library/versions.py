"""Semantic versions, as REQUIRES takes them. Pure and light."""

import re

_SEMANTIC = re.compile(
    r"v?(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII
)


def is_semantic(version: str) -> bool:
    """Whether a text is a semantic version; a `v` in front and missing parts are allowed."""
    return _SEMANTIC.fullmatch(version) is not None
