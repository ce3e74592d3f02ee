"""The checker finds what does not fit."""

import pytest

from tests.api.server.schema_check import find_faults

SCHEMAS = {
    "Pair": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/x/Word"}},
        "required": ["a"],
    },
    "Word": {"anyOf": [{"enum": ["x", "y"]}, {"type": "null"}]},
}
PAIRS = {"type": "array", "items": {"$ref": "#/x/Pair"}}


@pytest.mark.parametrize("value", [[], [{"a": 1}], [{"a": 1, "b": "x"}, {"a": 2, "b": None}]])
def test_what_fits(value):
    assert find_faults(value, PAIRS, SCHEMAS) == []


@pytest.mark.parametrize(
    "value", [{}, [1], [{}], [{"a": "1"}], [{"a": True}], [{"a": 1, "b": "z"}], [{"a": 1, "c": 1}]]
)
def test_what_does_not(value):
    assert len(find_faults(value, PAIRS, SCHEMAS)) == 1
