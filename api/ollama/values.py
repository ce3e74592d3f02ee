"""Field types of the native dialect that have their own JSON rules (spec 1.5, 2.2). Pure."""

import base64
import binascii
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from api.ollama.durations import parse_keep_alive
from engine.library.gotext import quote

_LEVELS = ("high", "medium", "low", "max")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def _parse_think(value: object) -> bool | str:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value in _LEVELS:
            return value
        raise ValueError(
            f"invalid think value: {quote(value)} "
            '(must be "high", "medium", "low", "max", true, or false)'
        )
    raise ValueError(
        'think must be a boolean or string ("high", "medium", "low", "max", true, or false)'
    )


def decode_base64(encoded: str) -> bytes:
    """Bytes of standard base64 (line breaks allowed). Raises ValueError with Go's text."""
    text = encoded.replace("\r", "").replace("\n", "")
    match = _BASE64.match(text)
    position = match.end() if match else 0
    if position == len(text) and len(text) % 4 == 0:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            position = len(text) - 1
    raise ValueError(f"illegal base64 data at input byte {position}")


def _parse_image(value: object) -> object:
    return decode_base64(value) if isinstance(value, str) else value


Think = Annotated[
    bool | str | None,
    BeforeValidator(_parse_think),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"type": "string", "enum": list(_LEVELS)}]}),
]
"""Absent: the model's default. A string is a level."""

KeepAlive = Annotated[
    float | None,
    BeforeValidator(parse_keep_alive),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "examples": ["5m"]}]}),
]
"""Seconds, or a Go duration. Negative: for ever."""

ImageData = Annotated[
    bytes,
    BeforeValidator(_parse_image),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]

Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
JSONObject = dict[str, Any]
