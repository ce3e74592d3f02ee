"""Arguments that a format writes as bare text, typed by the tool's JSON schema (spec 5.6). Pure."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

_MOST_REFERENCES = 16
_ORDER = ("boolean", "integer", "number", "array", "object", "string")
_CONTAINERS: dict[str, type] = {"array": list, "object": dict}


def parameters_of(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a tool's arguments; empty when it has none."""
    function = tool.get("function")
    parameters = (function if isinstance(function, Mapping) else tool).get("parameters")
    return parameters if isinstance(parameters, Mapping) else {}


def name_of(tool: Mapping[str, Any]) -> str:
    """A tool's name; empty when it has none."""
    function = tool.get("function")
    name = (function if isinstance(function, Mapping) else tool).get("name")
    return name if isinstance(name, str) else ""


def property_types(parameters: Mapping[str, Any], name: str) -> frozenset[str]:
    """The JSON types that one argument may have; empty when the schema does not say."""
    properties = parameters.get("properties")
    schema = properties.get(name) if isinstance(properties, Mapping) else None
    return frozenset(_types(schema, parameters, _MOST_REFERENCES))


def typed_value(text: str, types: frozenset[str]) -> object:
    """The value that the text stands for.

    A newline at either end belongs to the format. What fits none of the types stays text.
    """
    text = trim_newlines(text)
    if text.lower() == "null":
        return None
    for kind in _ORDER:
        if kind in types:
            found, value = _as_type(text.strip(), kind, only=len(types - {"null"}) == 1)
            if found:
                return value
    return text


def trim_newlines(text: str) -> str:
    """Without one newline at the start and one at the end."""
    return text.removeprefix("\n").removesuffix("\n")


def load_json(text: str) -> object:
    """A JSON value. Raises ValueError, also for what JSON cannot carry on (NaN, infinity)."""
    try:
        value: object = json.loads(text, parse_constant=_refuse)
    except RecursionError as exc:
        raise ValueError("too deep") from exc
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _types(schema: object, root: Mapping[str, Any], references: int) -> Iterator[str]:
    if not isinstance(schema, Mapping) or references == 0:
        return
    declared = schema.get("type")
    if isinstance(declared, str):
        yield declared
    elif isinstance(declared, list):
        yield from (kind for kind in declared if isinstance(kind, str))
    for word in ("anyOf", "oneOf", "allOf"):
        options = schema.get(word)
        for option in options if isinstance(options, list) else ():
            yield from _types(option, root, references - 1)
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/"):
        target: object = root
        for step in reference[2:].split("/"):
            target = target.get(step) if isinstance(target, Mapping) else None
        yield from _types(target, root, references - 1)


def _as_type(text: str, kind: str, *, only: bool) -> tuple[bool, object]:
    if kind == "boolean":
        lowered = text.lower()
        return lowered in ("true", "false") or only, lowered == "true"
    if kind == "string":
        return False, None
    try:
        value = load_json(text)
    except ValueError:
        return False, None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _as_number(value, kind)
    return kind in _CONTAINERS and isinstance(value, _CONTAINERS[kind]), value


def _as_number(value: int | float, kind: str) -> tuple[bool, object]:
    if kind not in ("integer", "number") or math.isinf(value):
        return False, None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return kind == "number" or isinstance(value, int), value
