"""What a template computes with: Go's kinds on Python values, their truth, fields and text.

Go                         here
string, bool, int, float   str, bool, int, float
slice                      list, tuple (JsonList: prints as JSON)
map                        dict (JsonDict: prints as JSON)
struct                     Record
nil                        None
what is not there          ABSENT: prints as nothing, is false, and so are its fields
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.prompt.gotemplate.errors import FailureError

MAX_TEXT_CHARS = 8 * 1024 * 1024
"""Longest text a template may build, in one piece or as its output."""


class Absent:
    """The type of ABSENT."""


ABSENT: Final = Absent()


class JsonList(list[Any]):
    """A list with a JSON face."""


class JsonDict(dict[str, Any]):
    """A map with a JSON face."""


class TypeNames(list[Any]):
    """The type of a tool's property: one name prints bare, several as JSON."""


@dataclass(frozen=True)
class Member:
    """A field of a record."""

    name: str
    value: Any
    json_name: str = ""
    """Empty: not part of the JSON face."""
    omit_empty: bool = False


@dataclass(frozen=True)
class Record:
    """A value with named fields; prints as JSON with the fields in this order."""

    type_name: str
    members: tuple[Member, ...]


def get_field(value: object, name: str) -> object:
    """`.name` of a value. Raises FailureError where Go has nothing to answer."""
    if value is None or isinstance(value, Absent):
        return ABSENT
    if isinstance(value, Mapping):
        return value.get(name, ABSENT)
    if isinstance(value, Record):
        for member in value.members:
            if member.name == name:
                return member.value
    raise FailureError(f"can't evaluate field {name} in type {type_name(value)}")


def is_true(value: object) -> bool:
    """Whether `if` takes the first branch."""
    if isinstance(value, Record):
        return True
    return bool(value) and not isinstance(value, Absent)


def type_name(value: object) -> str:
    """As Go calls it."""
    match value:
        case None | Absent():
            return "<nil>"
        case Record():
            return value.type_name
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
        case bytes():
            return "[]uint8"
    return "[]interface {}"


def to_text(value: object) -> str:
    """What printing it gives (Go's %v)."""
    match value:
        case str():
            return value
        case Absent():
            return ""
        case None:
            return "<nil>"
        case int() | float():
            return _number_text(value)
        case Record() | JsonList() | JsonDict():
            return to_json(value)
        case TypeNames():
            return str(value[0]) if len(value) == 1 else to_json(value)
        case Mapping():
            pairs = (f"{to_text(key)}:{to_text(value[key])}" for key in sorted_keys(value))
            return f"map[{' '.join(pairs)}]"
        case Sequence():
            return f"[{' '.join(map(to_text, value))}]"
    raise FailureError(f"can't print {type(value).__name__}")


def _number_text(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else format_float(value)


def to_json(value: object) -> str:
    """Compact JSON as Go writes it: map keys sorted, `< > &` escaped."""
    try:
        text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as exc:
        raise FailureError(f"json: unsupported value: {exc}") from exc
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def sorted_keys(value: Mapping[Any, Any]) -> list[Any]:
    """The order in which maps are walked."""
    return sorted(value, key=lambda key: (isinstance(key, str), key))


def format_float(value: float) -> str:
    """The shortest text that reads back the same; exponents below -4 and from 21 on."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    digits, _, exponent = f"{value:.17e}".partition("e")
    if value and not -4 <= int(exponent) < 21:
        digits, _, exponent = repr(value).partition("e")
        if not exponent:
            digits, _, exponent = f"{value:e}".partition("e")
            digits = digits.rstrip("0")
        return f"{digits.removesuffix('.0').rstrip('.')}e{int(exponent):+03d}"
    text = repr(value)
    if "e" in text:
        text = f"{value:.0f}" if abs(value) >= 1 else f"{value:.20f}".rstrip("0")
    return text.removesuffix(".0")


def _plain(value: object) -> object:
    """The value as the json module writes it best."""
    match value:
        case None | Absent():
            return None
        case TypeNames() if len(value) == 1:
            return value[0]
        case Record():
            return {
                member.json_name: _plain(member.value)
                for member in value.members
                if member.json_name and not (member.omit_empty and _is_empty(member.value))
            }
        case Mapping():
            return {to_text(key): _plain(value[key]) for key in sorted_keys(value)}
        case str() | bool() | int() | float():
            return value
        case bytes():
            return base64.b64encode(value).decode()
        case Sequence():
            return [_plain(item) for item in value]
    raise FailureError(f"json: unsupported type: {type(value).__name__}")


def _is_empty(value: object) -> bool:
    return not isinstance(value, Record) and not is_true(value)
