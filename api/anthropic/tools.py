"""Tools of the Anthropic dialect as the engine's (spec 1.16). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.anthropic.shapes import ToolBody
from api.server.unsupported import unsupported
from engine.errors import InvalidRequestError
from engine.library.gotext import quote

_SEARCH = "web_search"
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def engine_tools(tools: Sequence[ToolBody]) -> tuple[dict[str, Any], ...]:
    """Definitions in OpenAI's shape. Raises InvalidRequestError."""
    return tuple(_definition(index, tool) for index, tool in enumerate(tools))


def _definition(index: int, tool: ToolBody) -> dict[str, Any]:
    if tool.type.startswith(_SEARCH):
        raise unsupported(_SEARCH)  # the server would have to search
    if not tool.name:
        raise InvalidRequestError(f"tools[{index}] has no name")
    function = {
        "name": tool.name,
        "description": tool.description,
        "parameters": _parameters(tool),
    }
    return {"type": "function", "function": function}


def _parameters(tool: ToolBody) -> dict[str, Any]:
    """Tools that Anthropic defines come without a schema."""
    schema = {} if tool.input_schema is None else tool.input_schema
    fault = ""
    if not isinstance(schema, dict):
        fault = "must be an object"
    elif not isinstance(schema.get("properties", {}), dict):
        fault = "properties must be an object"
    if fault:
        raise InvalidRequestError(f"invalid input_schema for tool {quote(tool.name)}: {fault}")
    return {"type": "object", "properties": {}} | schema


def engine_tool_choice(choice: Mapping[str, Any]) -> str:
    """As `ChatRequest.tool_choice` names it. Raises InvalidRequestError."""
    match choice:
        case {"type": "tool", "name": str(name)} if name:
            return name
        case {"type": "auto" | "any" | "none" as kind}:
            return _CHOICES[kind]
        case _ if not choice:
            return "auto"
    raise InvalidRequestError(
        'tool_choice must be {"type": "auto"}, {"type": "any"}, {"type": "none"} or '
        '{"type": "tool", "name": "..."}'
    )
