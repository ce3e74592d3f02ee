"""Go's spelling of constants: strings, characters, numbers."""

import re

from engine.prompt.gotemplate.errors import parse_error
from engine.prompt.gotemplate.lex import Kind, Token, quote

_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_INTEGER = re.compile(r"[+-]?(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|\d[\d_]*)\Z", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?\Z", re.ASCII)


def unquote(source: str, token: Token) -> str:
    """The value of a string token."""
    inner = token.text[1:-1]
    if token.kind is Kind.RAW_STRING:
        return inner.replace("\r", "")
    return _unescape(source, token, inner, '"')


def parse_character(source: str, token: Token) -> int:
    """A character constant is its number."""
    inner = _unescape(source, token, token.text[1:-1], "'")
    if len(inner) != 1:
        raise parse_error(source, token.position, f"malformed character constant: {token.text}")
    return ord(inner)


def parse_number(source: str, token: Token) -> int | float:
    """An integer of at most 64 bits, or a float."""
    if _INTEGER.match(token.text):
        value = _integer(token.text)
        if value is not None and -(2**63) <= value < 2**64:
            return value
    elif _FLOAT.match(token.text):
        return float(token.text.replace("_", ""))
    raise parse_error(source, token.position, f"bad number syntax: {quote(token.text)}")


def _integer(text: str) -> int | None:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1] in "01234567_"
    try:
        value = int(digits.replace("_", ""), 8) if octal else int(digits, 0)
    except ValueError:
        return None
    return -value if text.startswith("-") else value


def _unescape(source: str, token: Token, inner: str, delimiter: str) -> str:
    # Bytes, because "\xe2\x82\xac" spells one character of three bytes.
    def replacement(match: re.Match[str]) -> bytes:
        byte, short, long, octal, simple = match.groups()
        if byte or octal:
            number = int(byte, 16) if byte else int(octal, 8)
            if number < 256:
                return bytes([number])
        elif simple and (simple in _SIMPLE or simple == delimiter):
            return _SIMPLE.get(simple, simple).encode()
        elif short or long:
            number = int(short or long, 16)
            if number < 0xD800 or 0xDFFF < number <= 0x10FFFF:
                return chr(number).encode()
        raise parse_error(source, token.position, f"invalid syntax: {token.text}")

    pieces: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(inner):
        pieces += [_encode(inner[end : match.start()]), replacement(match)]
        end = match.end()
    pieces.append(_encode(inner[end:]))
    return b"".join(pieces).decode("utf-8", "replace")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")
