"""Anthropic tools as the engine's."""

import pytest

from api.anthropic.shapes import ToolBody
from api.anthropic.tools import engine_tool_choice, engine_tools
from engine.errors import InvalidRequestError

SCHEMA = {"type": "object", "properties": {"City": {"type": "string"}}, "required": ["City"]}


def test_a_tool_is_a_function():
    tool = ToolBody(name="f", description="Does it.", input_schema=SCHEMA)
    function = {"name": "f", "description": "Does it.", "parameters": SCHEMA}
    assert engine_tools([tool]) == ({"type": "function", "function": function},)


def test_tools_without_a_schema_take_nothing():
    (tool,) = engine_tools([ToolBody(type="bash_20250124", name="bash")])
    assert tool["function"]["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        (ToolBody(), "tools[0] has no name"),
        (
            ToolBody(name="f", input_schema=[]),
            'invalid input_schema for tool "f": must be an object',
        ),
        (
            ToolBody(name="f", input_schema={"properties": []}),
            'invalid input_schema for tool "f": properties must be an object',
        ),
        (
            ToolBody(type="web_search_20250305", name="web_search"),
            "web_search is not supported by this version of Corral",
        ),
    ],
)
def test_bad_tools_are_refused(tool, text):
    with pytest.raises(InvalidRequestError) as caught:
        engine_tools([tool])
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({}, "auto"),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto"),
        ({"type": "any"}, "required"),
        ({"type": "none"}, "none"),
        ({"type": "tool", "name": "f"}, "f"),
    ],
)
def test_choices(choice, wanted):
    assert engine_tool_choice(choice) == wanted


@pytest.mark.parametrize("choice", [{"type": "tool"}, {"type": "some"}, {"name": "f"}])
def test_other_choices_are_refused(choice):
    with pytest.raises(InvalidRequestError, match="tool_choice must be"):
        engine_tool_choice(choice)
