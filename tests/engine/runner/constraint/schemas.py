"""Random JSON Schemas with bounded strings and arrays, and an independent check of documents."""

import re
from datetime import date
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "name", "größe", "with space", 'quo"te', "b_2", "x" * 20])
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-1000, 1000), st.text(max_size=8), st.just('\n\\"/é😀')
)


def _strings() -> st.SearchStrategy[dict[str, Any]]:
    sizes = st.tuples(st.integers(0, 4), st.integers(0, 12)).map(
        lambda pair: {"type": "string", "minLength": pair[0], "maxLength": sum(pair)}
    )
    patterns = st.sampled_from(["^[a-z]{2,5}$", "^(ab|cd){1,3}$", "^[0-9]{4}-[0-9]{2}$"])
    return st.one_of(
        sizes,
        patterns.map(lambda pattern: {"type": "string", "pattern": pattern}),
        st.just({"type": "string", "format": "date"}),
    )


def _numbers() -> st.SearchStrategy[dict[str, Any]]:
    ranges = st.tuples(
        st.sampled_from(["integer", "number"]), st.integers(-50, 50), st.integers(0, 1000)
    ).map(lambda one: {"type": one[0], "minimum": one[1], "maximum": one[1] + one[2]})
    return st.one_of(ranges, st.sampled_from([{"type": "integer"}, {"type": "number"}]).map(dict))


def _leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        _strings(),
        _numbers(),
        st.sampled_from([{"type": "boolean"}, {"type": "null"}]).map(dict),
        _SCALARS.map(lambda value: {"const": value}),
        st.lists(_SCALARS, min_size=1, max_size=4).map(lambda values: {"enum": values}),
    )


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    names = draw(st.lists(NAMES, max_size=4, unique=True))
    required = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    return {
        "type": "object",
        "properties": {name: draw(inner) for name in names},
        "required": required,
        "additionalProperties": False,
    }


@st.composite
def _arrays(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    least = draw(st.integers(0, 2))
    most = least + draw(st.integers(0, 2))
    return {"type": "array", "items": draw(inner), "minItems": least, "maxItems": most}


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Schemas whose documents are finite."""

    def extend(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.one_of(
            _objects(inner),
            _arrays(inner),
            st.lists(inner, min_size=1, max_size=3).map(lambda options: {"anyOf": options}),
        )

    return st.recursive(_leaves(), extend, max_leaves=6)


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a document fits one of these schemas."""
    if "anyOf" in schema:
        return any(is_valid(value, option) for option in schema["anyOf"])
    if "const" in schema:
        return _same(value, schema["const"])
    if "enum" in schema:
        return any(_same(value, option) for option in schema["enum"])
    match schema["type"]:
        case "object":
            return _is_object(value, schema)
        case "array":
            return (
                isinstance(value, list)
                and schema["minItems"] <= len(value) <= schema["maxItems"]
                and all(is_valid(item, schema["items"]) for item in value)
            )
        case "string":
            return _is_string(value, schema)
        case "integer":
            return type(value) is int and _in_range(value, schema)
        case "number":
            return type(value) in (int, float) and _in_range(value, schema)
        case "boolean":
            return isinstance(value, bool)
        case _:
            return value is None


def _same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and bool(left == right)


def _in_range(value: float, schema: dict[str, Any]) -> bool:
    return bool(
        schema.get("minimum", float("-inf")) <= value <= schema.get("maximum", float("inf"))
    )


def _is_string(value: Any, schema: dict[str, Any]) -> bool:
    if not isinstance(value, str):
        return False
    if "pattern" in schema:
        return re.search(schema["pattern"], value) is not None
    if "format" in schema:
        try:
            # RFC 3339 has a year 0, a leap year, which Python's dates lack.
            date.fromisoformat(f"0004{value[4:]}" if value.startswith("0000") else value)
        except ValueError:
            return False
        return True
    return bool(schema["minLength"] <= len(value) <= schema["maxLength"])


def _is_object(value: Any, schema: dict[str, Any]) -> bool:
    known = list(schema["properties"])
    return (
        isinstance(value, dict)
        and [name for name in known if name in value] == list(value)  # the schema's order
        and set(schema["required"]) <= set(value)
        and all(is_valid(inner, schema["properties"][name]) for name, inner in value.items())
    )
