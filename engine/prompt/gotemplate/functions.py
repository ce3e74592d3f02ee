"""The functions a template may call: Go's own and those that Ollama adds. Pure, but for the date.

`and` and `or` are not here: they decide whether an argument is evaluated at all (execute.py).
"""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote_plus

from engine.prompt.gotemplate.errors import FailureError
from engine.prompt.gotemplate.printf import sprint, sprintf, sprintln
from engine.prompt.gotemplate.values import (
    ABSENT,
    Absent,
    Record,
    get_field,
    is_true,
    to_json,
    to_text,
    type_name,
)

SHORT_CIRCUIT = frozenset({"and", "or"})


@dataclass(frozen=True)
class Builtin:
    """A function and how many arguments it takes."""

    call: Callable[..., object]
    fewest: int
    most: int | None
    """None: any number."""


def _kind(value: object) -> str:
    """Go's basic kind, or "" for what cannot be ordered."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
    return ""


def _is_nothing(value: object) -> bool:
    return value is None or isinstance(value, Absent)


def _eq(first: object, *others: object) -> bool:
    """Whether the first equals any of the others; kinds must agree."""
    if not others:
        raise FailureError("missing argument for comparison")
    return any(_equal(first, other) for other in others)


def _equal(left: object, right: object) -> bool:
    if _is_nothing(left) or _is_nothing(right):
        return _is_nothing(left) and _is_nothing(right)
    if _kind(left) != _kind(right):
        raise FailureError("incompatible types for comparison")
    if not _kind(left):
        raise FailureError(f"non-comparable type {type_name(left)}")
    return left == right


def _ne(left: object, right: object) -> bool:
    return not _equal(left, right)


def _lt(left: object, right: object) -> bool:
    kinds = _kind(left), _kind(right)
    if "" in kinds:
        raise FailureError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise FailureError("incompatible types for comparison")
    if kinds[0] == "bool":
        raise FailureError("invalid type for comparison")
    return bool(left < right)  # type: ignore[operator]  # one kind, and that is ordered


def _le(left: object, right: object) -> bool:
    return _lt(left, right) or _equal(left, right)


def _gt(left: object, right: object) -> bool:
    return not _le(left, right)


def _ge(left: object, right: object) -> bool:
    return not _lt(left, right)


def _not(value: object) -> bool:
    return not is_true(value)


def _len(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, Mapping | Sequence):
        return len(value)
    if _is_nothing(value):
        raise FailureError("len of nil pointer")
    raise FailureError(f"len of type {type_name(value)}")


def _index(value: object, *keys: object) -> object:
    for key in keys:
        value = _index_once(value, key)
    return value


def _index_once(value: object, key: object) -> object:
    if isinstance(value, Mapping):
        if _kind(key) == "":
            raise FailureError(f"value has type {type_name(key)}; should be string")
        return value.get(key, ABSENT)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if isinstance(value, Sequence):
        position = _position(key)
        if position >= len(value):
            raise FailureError(f"index out of range: {position}")
        return value[position]
    if _is_nothing(value):
        raise FailureError("index of untyped nil")
    raise FailureError(f"can't index item of type {type_name(value)}")


def _slice(value: object, *bounds: object) -> object:
    if len(bounds) > 3:
        raise FailureError(f"too many slice indexes: {len(bounds)}")
    if isinstance(value, str):
        if len(bounds) == 3:
            raise FailureError("cannot 3-index slice a string")
        raw = value.encode("utf-8", "surrogatepass")
        start, end = _bounds(bounds, len(raw))
        return raw[start:end].decode("utf-8", "replace")
    if isinstance(value, Sequence):
        start, end = _bounds(bounds, len(value))
        return value[start:end]
    if _is_nothing(value):
        raise FailureError("slice of untyped nil")
    raise FailureError(f"can't slice item of type {type_name(value)}")


def _bounds(bounds: Sequence[object], length: int) -> tuple[int, int]:
    numbers = [_position(bound) for bound in bounds]
    for number in numbers:
        if number > length:
            raise FailureError(f"index out of range: {number}")
    start = numbers[0] if numbers else 0
    end = numbers[1] if len(numbers) > 1 else length
    if start > end:
        raise FailureError(f"invalid slice index: {start} > {end}")
    return start, end


def _position(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        shown = "index with nil" if _is_nothing(value) else f"index with type {type_name(value)}"
        raise FailureError(f"cannot {shown}")
    if value < 0:
        raise FailureError(f"index out of range: {value}")
    return value


def _printf(form: object, *values: object) -> str:
    if not isinstance(form, str):
        raise FailureError(f"wrong type for value; expected string; got {type_name(form)}")
    return sprintf(form, values)


def _html(*values: object) -> str:
    escaped = html.escape(sprint(values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    return escaped.replace("\0", "\ufffd")


_JS_ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&=\u2028\u2029"} | {
    ord("\\"): "\\\\",
    ord("'"): "\\'",
    ord('"'): '\\"',
}
_JS_ESCAPES |= {code: f"\\u{code:04X}" for code in range(32)}


def _js(*values: object) -> str:
    return sprint(values).translate(_JS_ESCAPES)


def _urlquery(*values: object) -> str:
    return quote_plus(sprint(values).encode("utf-8", "replace"), safe="~")


def _current_date(*_: object) -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d")


def _yesterday_date(*_: object) -> str:
    return (datetime.now().astimezone() - timedelta(days=1)).strftime("%Y-%m-%d")


_TYPESCRIPT = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "Record<string, any>",
    "array": "any[]",
}


def to_typescript(schema: object) -> str:
    """A property's JSON type in TypeScript's words."""
    if not isinstance(schema, Record | Mapping):
        raise FailureError(f"wrong type for value; expected property; got {type_name(schema)}")
    names = ("AnyOf", "Type") if isinstance(schema, Record) else ("anyOf", "type")
    options = get_field(schema, names[0])
    if isinstance(options, Sequence) and options:
        return " | ".join(to_typescript(option) for option in options)
    types = get_field(schema, names[1])
    if isinstance(types, str):
        types = [types]
    if not isinstance(types, Sequence) or not types:
        return "any"
    return " | ".join(_TYPESCRIPT.get(to_text(name), "any") for name in types)


FUNCTIONS: Mapping[str, Builtin] = {
    "not": Builtin(_not, 1, 1),
    "eq": Builtin(_eq, 1, None),
    "ne": Builtin(_ne, 2, 2),
    "lt": Builtin(_lt, 2, 2),
    "le": Builtin(_le, 2, 2),
    "gt": Builtin(_gt, 2, 2),
    "ge": Builtin(_ge, 2, 2),
    "len": Builtin(_len, 1, 1),
    "index": Builtin(_index, 1, None),
    "slice": Builtin(_slice, 1, None),
    "print": Builtin(lambda *values: sprint(values), 0, None),
    "println": Builtin(lambda *values: sprintln(values), 0, None),
    "printf": Builtin(_printf, 1, None),
    "html": Builtin(_html, 0, None),
    "js": Builtin(_js, 0, None),
    "urlquery": Builtin(_urlquery, 0, None),
    "json": Builtin(to_json, 1, 1),
    "currentDate": Builtin(_current_date, 0, None),
    "yesterdayDate": Builtin(_yesterday_date, 0, None),
    "toTypeScriptType": Builtin(to_typescript, 1, 1),
}
