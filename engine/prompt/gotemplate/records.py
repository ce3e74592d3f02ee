"""Messages and tools as the records that templates see (spec 5.1, root data). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.prompt.gotemplate.values import JsonDict, JsonList, Member, Record, TypeNames
from engine.prompt.messages import Message, ToolCall


def message_record(message: Message) -> Record:
    """Role, Content, Thinking, Images, ToolCalls, ToolName, ToolCallID."""
    calls = [_call_record(index, call) for index, call in enumerate(message.tool_calls)]
    return Record(
        "api.Message",
        (
            Member("Role", message.role, "role"),
            Member("Content", message.content, "content"),
            Member("Thinking", message.thinking, "thinking", omit_empty=True),
            Member("Images", list(message.images), "images", omit_empty=True),
            Member("ToolCalls", calls, "tool_calls", omit_empty=True),
            Member("ToolName", message.tool_name, "tool_name", omit_empty=True),
            Member("ToolCallID", message.tool_call_id, "tool_call_id", omit_empty=True),
        ),
    )


def _call_record(index: int, call: ToolCall) -> Record:
    function = Record(
        "api.ToolCallFunction",
        (
            Member("Index", index, "index"),
            Member("Name", call.name, "name"),
            Member("Arguments", JsonDict(call.arguments), "arguments"),
        ),
    )
    members = (
        Member("ID", call.id, "id", omit_empty=True),
        Member("Function", function, "function"),
    )
    return Record("api.ToolCall", members)


def tool_list(tools: Sequence[Mapping[str, Any]]) -> JsonList:
    """Tools in OpenAI's shape; what is missing there is empty here."""
    return JsonList(_tool_record(tool) for tool in tools)


def _tool_record(tool: Mapping[str, Any]) -> Record:
    function = _mapping(tool.get("function"))
    parameters = _mapping(function.get("parameters"))
    return Record(
        "api.Tool",
        (
            Member("Type", tool.get("type", ""), "type"),
            Member("Items", tool.get("items"), "items", omit_empty=True),
            Member(
                "Function",
                Record(
                    "api.ToolFunction",
                    (
                        Member("Name", function.get("name", ""), "name"),
                        Member(
                            "Description",
                            function.get("description", ""),
                            "description",
                            omit_empty=True,
                        ),
                        Member("Parameters", _parameters_record(parameters), "parameters"),
                    ),
                ),
                "function",
            ),
        ),
    )


def _parameters_record(parameters: Mapping[str, Any]) -> Record:
    return Record(
        "api.ToolFunctionParameters",
        (
            Member("Type", parameters.get("type", ""), "type"),
            Member("Defs", parameters.get("$defs"), "$defs", omit_empty=True),
            Member("Items", parameters.get("items"), "items", omit_empty=True),
            Member("Required", parameters.get("required") or [], "required", omit_empty=True),
            Member("Properties", _properties(parameters.get("properties")), "properties"),
        ),
    )


def _properties(properties: object) -> JsonDict:
    return JsonDict(
        {name: _property_record(_mapping(schema)) for name, schema in _mapping(properties).items()}
    )


def _property_record(schema: Mapping[str, Any]) -> Record:
    options = schema.get("anyOf") or []
    types = schema.get("type") or []
    return Record(
        "api.ToolProperty",
        (
            Member(
                "AnyOf",
                JsonList(_property_record(_mapping(option)) for option in options),
                "anyOf",
                omit_empty=True,
            ),
            Member(
                "Type",
                TypeNames([types] if isinstance(types, str) else types),
                "type",
                omit_empty=True,
            ),
            Member("Items", schema.get("items"), "items", omit_empty=True),
            Member("Description", schema.get("description", ""), "description", omit_empty=True),
            Member("Enum", schema.get("enum") or [], "enum", omit_empty=True),
            Member(
                "Properties", _properties(schema.get("properties")), "properties", omit_empty=True
            ),
            Member("Required", schema.get("required") or [], "required", omit_empty=True),
        ),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
