import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.parsing.typed import property_types, typed_value


def typed(text: str, schema: Any, **root: Any) -> object:
    return typed_value(text, property_types({"properties": {"a": schema}, **root}, "a"))


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("3", {"type": "integer"}, 3),
        ("3.0", {"type": "integer"}, 3),
        ("3.5", {"type": "integer"}, "3.5"),
        ("3.0", {"type": "number"}, 3),
        ("3.5", {"type": "number"}, 3.5),
        ("1e999", {"type": "number"}, "1e999"),
        ("NaN", {"type": "number"}, "NaN"),
        ("\nTrue\n", {"type": "boolean"}, True),
        ("yes", {"type": "boolean"}, False),
        ("yes", {"type": ["boolean", "string"]}, "yes"),
        ("false", {"anyOf": [{"type": "boolean"}, {"type": "string"}]}, False),
        ("12", {"type": ["string", "integer"]}, 12),
        ("12", {"type": "string"}, "12"),
        ("12", {}, "12"),
        ("NULL", {"type": "string"}, None),
        ('[1, "a"]', {"type": "array"}, [1, "a"]),
        ("[1", {"type": "array"}, "[1"),
        ('{"b": {}}', {"type": "object"}, {"b": {}}),
        ("[]", {"type": "object"}, "[]"),
        ("\n\n a \n\n", {"type": "string"}, "\n a \n"),
        ("3", "no schema", "3"),
    ],
)
def test_text_becomes_what_the_schema_says(text: str, schema: Any, value: object):
    found = typed(text, schema)
    assert found == value
    assert type(found) is type(value)


def test_references_within_the_schema_are_followed():
    definitions = {"$defs": {"Count": {"type": "integer"}}}
    assert typed("3", {"$ref": "#/$defs/Count"}, **definitions) == 3
    assert typed("3", {"$ref": "#/$defs/Missing"}, **definitions) == "3"


def test_reference_to_itself_ends():
    assert typed("3", {"$ref": "#/properties/a"}) == "3"


@given(st.lists(st.none() | st.booleans() | st.integers() | st.text(), max_size=4))
def test_lists_come_back(value: list[object]):
    assert typed(json.dumps(value), {"type": "array"}) == value
