"""Tool definitions of a request, checked once for every dialect."""

from collections.abc import Sequence
from typing import Any

from engine.completion import tool_name
from engine.errors import InvalidRequestError


def read_tools(tools: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """The definitions as templates expect them.

    Raises InvalidRequestError for one without a name.
    """
    for index, tool in enumerate(tools):
        if not tool_name(tool):
            raise InvalidRequestError(f"tools[{index}] has no function.name")
    return tuple({"type": "function", **tool} for tool in tools)
