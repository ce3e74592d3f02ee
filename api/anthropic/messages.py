"""Messages of the Anthropic dialect as the engine's (spec 1.16). Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from api.anthropic.noise import without_noise
from api.anthropic.shapes import MessageBody
from api.ollama.values import decode_base64
from engine.errors import InvalidRequestError
from engine.library.gotext import quote
from engine.prompt.messages import Message, ToolCall


def engine_messages(system: object, bodies: Sequence[MessageBody]) -> tuple[Message, ...]:
    """The conversation, `system` first if there is one. Raises InvalidRequestError."""
    messages: list[Message] = []
    if text := _system_text(system):
        messages.append(Message("system", text))
    tool_names: dict[str, str] = {}
    for body in bodies:
        messages += _translate(body, tool_names)
    return tuple(messages)


def _system_text(system: object) -> str:
    match system:
        case None:
            return ""
        case str():
            return without_noise(system)
        case list():
            return "".join(without_noise(_text(block)) for block in system)
    raise InvalidRequestError("invalid system prompt: must be a string or an array of text blocks")


def _text(block: object) -> str:
    match block:
        case {"type": "text", "text": str(text)}:
            return text
        case _:
            raise InvalidRequestError("invalid text block: must have the type text and a text")


@dataclass
class _Content:
    """What the blocks of one message come to."""

    text: str = ""
    thinking: str = ""
    images: list[bytes] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)

    def add(self, block: object, tool_names: dict[str, str]) -> None:
        """Raises InvalidRequestError. `tool_names` learns the calls, by id."""
        match block:
            case {"type": "text"}:
                self.text += _text(block)
            case {"type": "thinking", "thinking": str(thinking)}:
                self.thinking += thinking
            case {"type": "image", **image}:
                self.images.append(_image(image))
            case {"type": "tool_use" | "server_tool_use" as kind, **call}:
                self.calls.append(_call(kind, call))
                tool_names[self.calls[-1].id] = self.calls[-1].name
            case {"type": "tool_result", **result}:
                self.results.append(_result(result, tool_names))
            case {"type": "web_search_tool_result", **result}:
                self.results.append(_search_result(result, tool_names))
            case dict():
                pass  # block types of later days (spec 1.16)
            case _:
                raise InvalidRequestError("invalid content block: must be an object")


def _translate(body: MessageBody, tool_names: dict[str, str]) -> Iterator[Message]:
    """Results of tools become messages of their own."""
    role = body.role.lower()
    content = _Content()
    match body.content:
        case str():
            content.text = body.content
        case list():
            for block in body.content:
                content.add(block, tool_names)
        case _:
            raise InvalidRequestError("invalid message content: must be a string or an array")
    if role == "system":
        content.text = without_noise(content.text)
    own = Message(role, content.text, content.thinking, tuple(content.images), tuple(content.calls))
    is_empty = own == Message(role)
    if role == "user":
        yield from content.results
    if not is_empty or not content.results:
        yield own
    if role != "user":
        yield from content.results


def _image(block: Mapping[Any, Any]) -> bytes:
    match block.get("source"):
        case {"type": "base64", "data": str(data)}:
            try:
                return decode_base64(data)
            except ValueError as exc:
                raise InvalidRequestError(f"invalid base64 image data: {exc}") from exc
        case {"type": str(kind)} if kind != "base64":
            raise InvalidRequestError(
                f"invalid image source type: {kind}. Only base64 images are supported."
            )
    raise InvalidRequestError("invalid image source")


def _call(kind: str, block: Mapping[Any, Any]) -> ToolCall:
    for name in ("id", "name"):
        value = block.get(name)
        if not isinstance(value, str) or not value:
            raise InvalidRequestError(f"{kind} block missing required '{name}' field")
    arguments = block.get("input")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise InvalidRequestError(f"{kind} block {quote(block['id'])}: input must be an object")
    return ToolCall(block["name"], arguments, block["id"])


def _result(block: Mapping[Any, Any], tool_names: Mapping[str, str]) -> Message:
    text, images = "", []
    match block.get("content"):
        case None:
            pass
        case str(whole):
            text = whole
        case list(parts):
            for part in parts:
                match part:
                    case {"type": "text"}:
                        text += _text(part)
                    case {"type": "image", **image}:
                        images.append(_image(image))
        case _:
            raise InvalidRequestError("invalid tool_result content: must be a string or an array")
    return _tool_message(block, tool_names, text, images)


def _search_result(block: Mapping[Any, Any], tool_names: Mapping[str, str]) -> Message:
    """What a search elsewhere has found; its faults have a code."""
    found = block.get("content")
    lines = [
        f"- {item.get('title', '')}: {item.get('url', '')}"
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict)
    ]
    if isinstance(found, dict):
        lines = [f"error: {found.get('error_code', '')}"]
    return _tool_message(block, tool_names, "\n".join(lines))


def _tool_message(
    block: Mapping[Any, Any],
    tool_names: Mapping[str, str],
    text: str,
    images: Sequence[bytes] = (),
) -> Message:
    call_id = block.get("tool_use_id")
    if not isinstance(call_id, str):
        raise InvalidRequestError("a result of a tool is missing required 'tool_use_id' field")
    return Message(
        "tool",
        text,
        images=tuple(images),
        tool_name=tool_names.get(call_id, ""),
        tool_call_id=call_id,
    )
