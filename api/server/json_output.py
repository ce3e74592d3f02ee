"""JSON as Go writes it: compact, with the characters that HTML minds escaped. Pure."""

import msgspec

JSON_TYPE = "application/json; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson"

_encoder = msgspec.json.Encoder()
# These bytes can only stand inside JSON strings, so replacing them blindly is safe.
_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def encode(value: object) -> bytes:
    """`value` (msgspec structs, plain values) as one JSON text with no newline."""
    data = _encoder.encode(value)
    for character, escape in _ESCAPES:
        if character in data:
            data = data.replace(character, escape)
    return data


def encode_line(value: object) -> bytes:
    """`value` as one NDJSON line."""
    return encode(value) + b"\n"
