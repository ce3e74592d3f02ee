"""A conversation as values: what templates render and what dialects translate to and from."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ToolCall:
    """A function call that the model asked for."""

    name: str
    arguments: dict[str, Any]
    """Parsed JSON; key order is the model's."""
    id: str = ""


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[bytes, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


@dataclass(frozen=True)
class Conversation:
    """All that a chat template may look at."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = field(default=())
    """Tool definitions in OpenAI's shape, as the client sent them."""
    think: bool | str | None = None
    """None: the template's own default. A string is an effort level."""
