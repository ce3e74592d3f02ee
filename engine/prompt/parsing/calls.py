"""The tool calls of one answer: numbering, names, and what was told of them so far. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from engine.prompt.messages import ToolCall
from engine.prompt.parsing.events import CallArguments, CallCompleted, CallDropped, CallStarted
from engine.prompt.parsing.source import MismatchError
from engine.prompt.parsing.typed import load_json, name_of, parameters_of, property_types

MOST_NAME_CHARS = 256


class Calls:
    """Makes the events of calls, in the order start, arguments, complete or drop."""

    def __init__(self, tools: Iterable[Mapping[str, Any]]) -> None:
        self._parameters = {name_of(tool): parameters_of(tool) for tool in tools}
        self._started: CallStarted | None = None
        self._next = 0

    @property
    def is_started(self) -> bool:
        """A call was started and neither completed nor dropped."""
        return self._started is not None

    @property
    def names(self) -> tuple[str, ...]:
        """What the tools on offer are called."""
        return tuple(self._parameters)

    def types(self, tool: str, argument: str) -> frozenset[str]:
        """The JSON types of an argument, as far as the tool's schema tells."""
        return property_types(self._parameters.get(tool, {}), argument)

    def has_required(self, tool: str, arguments: Iterable[str]) -> bool:
        """Every argument that the tool insists on is there."""
        required = self._parameters.get(tool, {}).get("required")
        return not isinstance(required, list) or set(map(str, required)) <= set(arguments)

    def start(self, name: str, call_id: str = "") -> CallStarted:
        """Raises MismatchError for what cannot be a tool's name."""
        name = check_name(name)
        self._started = CallStarted(self._next, name, call_id)
        self._next += 1
        return self._started

    def argue(self, text: str) -> CallArguments:
        """The next piece of the arguments' JSON text."""
        assert self._started
        return CallArguments(self._started.index, text)

    def complete(self, arguments: str, raw: str) -> CallCompleted:
        """`arguments`: all pieces together. Raises MismatchError unless they are an object."""
        assert self._started
        call = ToolCall(self._started.name, load_object(arguments), self._started.id)
        completed = CallCompleted(self._started.index, call, raw)
        self._started = None
        return completed

    def drop(self) -> CallDropped:
        """The started call is none."""
        assert self._started
        dropped = CallDropped(self._started.index)
        self._started = None
        return dropped


def check_name(name: str) -> str:
    """The name without the space around it. Raises MismatchError for what cannot be one."""
    name = name.strip()
    if not name or len(name) > MOST_NAME_CHARS or any(c.isspace() or c in "<>{}\"'" for c in name):
        raise MismatchError("not a name")
    return name


def load_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises MismatchError."""
    try:
        value = load_json(text)
    except ValueError as exc:
        raise MismatchError(str(exc)) from exc
    if not isinstance(value, dict):
        raise MismatchError("not an object")
    return value


def write_json(value: object) -> str:
    """JSON text as the pieces of arguments carry it."""
    return json.dumps(value, ensure_ascii=False)
