"""Tools of /v1/responses as templates expect them, and which must be called. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from api.server.unsupported import unsupported
from engine.errors import InvalidRequestError

_MAX_DEPTH = 1
"""Namespaces hold functions, not namespaces."""


def response_tools(tools: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Definitions in the chat dialect's shape; those of a namespace are named `namespace.name`.

    Raises InvalidRequestError for kinds that this program cannot run, by their name.
    """
    return tuple(_functions(tools, "tools", ""))


def _functions(
    tools: Sequence[object], place: str, prefix: str, depth: int = 0
) -> Iterator[dict[str, Any]]:
    for index, tool in enumerate(tools):
        here = f"{place}[{index}]"
        if not isinstance(tool, dict):
            raise InvalidRequestError(f"{here} must be an object")
        kind = tool.get("type", "function")
        if not isinstance(kind, str):
            raise InvalidRequestError(f"{here}.type must be a string")
        name = tool.get("name")
        if kind == "function":
            if not isinstance(name, str) or not name:
                raise InvalidRequestError(f"{here} has no name")
            yield _function(tool, prefix + name)
        elif kind == "namespace" and depth < _MAX_DEPTH:
            inner = tool.get("tools")
            if not isinstance(name, str) or not name:
                raise InvalidRequestError(f"{here} has no name")
            if not isinstance(inner, list):
                raise InvalidRequestError(f"{here}.tools must be a list")
            yield from _functions(inner, f"{here}.tools", f"{prefix}{name}.", depth + 1)
        else:
            raise unsupported(f"the tool type {kind}")


def _function(tool: dict[str, Any], name: str) -> dict[str, Any]:
    function = {"name": name}
    for field in ("description", "parameters"):
        if tool.get(field) is not None:
            function[field] = tool[field]
    return {"type": "function", "function": function}


def tool_choice(wanted: object) -> str:
    """As the engine names it. Raises InvalidRequestError."""
    match wanted:
        case None | "":
            return "auto"
        case "auto" | "none" | "required":
            return str(wanted)
        case {"type": "function", "name": str(name)} if name:
            return name
    raise InvalidRequestError(
        'tool_choice must be "auto", "none", "required" or {"type": "function", "name": "..."}'
    )
