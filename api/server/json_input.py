"""Strict JSON from strangers, refused with the texts of Go's decoder (spec 1.1). Pure.

Duplicate keys: the last wins. What follows the first value is ignored. NaN, infinities, lone
surrogates, invalid UTF-8 and deep nesting are refused: each of them breaks something further in.
"""

import json
import math
import re
from collections.abc import Iterator

from engine.errors import InvalidRequestError

MAX_DEPTH = 64
MAX_KEYS = 100_000
MAX_LOCATED = 64 * 1024
"""Faults further in than this many characters are described without looking at what surrounds
them, because that takes a scan from the start."""

_BLANKS = re.compile(r"[ \t\n\r]*")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_HEX_DIGITS = re.compile(r"[0-9a-fA-F]{0,4}")
_LITERALS = ("true", "false", "null")


class BodyError(InvalidRequestError):
    """The request body is not acceptable JSON, or not of the expected shape."""


def decode_json(body: bytes) -> object:
    """The first JSON value in `body`. Raises BodyError."""
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        raise BodyError("request body is not valid UTF-8") from exc
    start = _skip_blanks(text, 0)
    if start == len(text):
        raise BodyError("missing request body")
    try:
        value, _ = _decoder.raw_decode(text, start)
    except json.JSONDecodeError as exc:
        raise BodyError(_fault_text(text, exc)) from exc
    except RecursionError as exc:
        raise BodyError("exceeded max depth") from exc
    except ValueError as exc:  # int() refuses thousands of digits
        raise BodyError("number in request body is out of range") from exc
    _check(value, has_surrogates=_SURROGATE_ESCAPE.search(text) is not None)
    return value


def _refuse_constant(name: str) -> object:
    if name.startswith("-"):
        raise BodyError(f"invalid character {_quote(name[1])} in numeric literal")
    raise BodyError(f"invalid character {_quote(name[0])} looking for beginning of value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise BodyError(f"json: cannot unmarshal number {text[:40]} into Go value of type float64")
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _check(root: object, *, has_surrogates: bool) -> None:
    """Depth, number of keys and, if any might be there, lone surrogates."""
    level: list[object] = [root]
    depth = keys = 0
    while level:
        depth += 1
        containers = [value for value in level if isinstance(value, dict | list)]
        if containers and depth > MAX_DEPTH:
            raise BodyError("exceeded max depth")
        if has_surrogates:
            for value in level:
                _check_text(value)
        level = list(_children(containers, has_surrogates))
        keys += sum(len(value) for value in containers if isinstance(value, dict))
        if keys > MAX_KEYS:
            raise BodyError(f"request body has more than {MAX_KEYS} keys")


def _children(containers: list[dict[str, object] | list[object]], texts: bool) -> Iterator[object]:
    kinds = (dict, list, str) if texts else (dict, list)
    for container in containers:
        if isinstance(container, dict):
            if texts:
                yield from container
            yield from (value for value in container.values() if isinstance(value, kinds))
        else:
            yield from (value for value in container if isinstance(value, kinds))


def _check_text(value: object) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as exc:
            raise BodyError("lone surrogate in string literal") from exc


def _skip_blanks(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    return match.end() if match else position


def _fault_text(text: str, fault: json.JSONDecodeError) -> str:
    """What Go's decoder would say about the fault that Python's found."""
    position = _skip_blanks(text, fault.pos)
    if fault.msg.startswith("Illegal trailing comma"):
        position = _skip_blanks(text, fault.pos + 1)
    if fault.msg.startswith("Unterminated string") or position >= len(text):
        return "unexpected EOF"
    if fault.msg.startswith("Expecting value"):
        return _bad_value_text(text, position)
    if fault.msg.startswith("Invalid control character"):
        return f"invalid character {_quote(text[fault.pos])} in string literal"
    if fault.msg.startswith("Invalid \\escape"):
        return _after_backslash(text, fault.pos + 1, "in string escape code")
    if fault.msg.startswith("Invalid \\uXXXX"):
        digits = _HEX_DIGITS.match(text, fault.pos + 1)
        end = digits.end() if digits else fault.pos + 1
        return _after_backslash(text, end, "in \\u hexadecimal character escape")
    place = _place(text, position, fault.msg)
    return f"invalid character {_quote(text[position])} {place}"


def _bad_value_text(text: str, position: int) -> str:
    """A value that does not start, or a literal that goes wrong or ends too early."""
    for literal in _LITERALS:
        if text[position] != literal[0]:
            continue
        for offset, expected in enumerate(literal):
            if position + offset >= len(text):
                return "unexpected EOF"
            if text[position + offset] != expected:
                found = _quote(text[position + offset])
                return f"invalid character {found} in literal {literal} (expecting '{expected}')"
    if text[position] == "-":
        if position + 1 >= len(text):
            return "unexpected EOF"
        return f"invalid character {_quote(text[position + 1])} in numeric literal"
    return f"invalid character {_quote(text[position])} looking for beginning of value"


def _after_backslash(text: str, position: int, place: str) -> str:
    if position >= len(text):
        return "unexpected EOF"
    return f"invalid character {_quote(text[position])} {place}"


def _place(text: str, position: int, message: str) -> str:
    if message.startswith(("Expecting property name", "Illegal trailing comma before end of obj")):
        return "looking for beginning of object key string"
    if message.startswith("Illegal trailing comma"):
        return "looking for beginning of value"
    if message.startswith("Expecting ':'"):
        return "after object key"
    if position <= MAX_LOCATED and _is_inside_array(text[:position]):
        return "after array element"
    return "after object key:value pair"


def _is_inside_array(text: str) -> bool:
    open_brackets: list[str] = []
    for match in _STRUCTURE.finditer(text):
        token = match.group()
        if token in "[{":
            open_brackets.append(token)
        elif token in "]}":
            open_brackets.pop()
    return bool(open_brackets) and open_brackets[-1] == "["


def _quote(character: str) -> str:
    """Go names the first byte of the character, in single quotes."""
    if character == "'":
        return "'\\''"
    if character == '"':
        return "'\"'"
    shown = chr(character.encode(errors="replace")[0])
    return f"'{shown}'" if shown.isprintable() else repr(shown)
