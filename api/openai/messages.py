"""Messages of the OpenAI dialect as the engine's (spec 1.15). Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from api.ollama.values import decode_base64
from api.openai.shapes import ChatMessage
from api.server.json_input import BodyError, decode_json
from engine.errors import InvalidRequestError
from engine.prompt.messages import Message, ToolCall

_IMAGE_URL = re.compile(r"data:(?:image/(?:jpeg|jpg|png|webp))?;base64,")


@dataclass(frozen=True)
class _Part:
    """One piece of a message's content."""

    text: str = ""
    image: bytes | None = None
    audio: bytes | None = None


def engine_messages(bodies: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Each part of a list content becomes a message of its own. Raises InvalidRequestError."""
    tool_names = {call.id: call.function.name for body in bodies for call in body.tool_calls}
    messages: list[Message] = []
    for body in bodies:
        parts = list(_parts(body)) or [_Part()]
        for part in parts:
            media = [data for data in (part.image, part.audio) if data is not None]
            thinking = body.reasoning if part is parts[-1] else ""
            messages.append(Message(body.role.lower(), part.text, thinking, tuple(media)))
        messages[-1] = replace(
            messages[-1],
            tool_calls=tuple(_tool_calls(body)),
            tool_call_id=body.tool_call_id,
            tool_name=body.name or tool_names.get(body.tool_call_id, "")
            if body.role.lower() == "tool"
            else "",
        )
    return tuple(messages)


def has_part(bodies: Sequence[ChatMessage], kind: str) -> bool:
    """Whether any message has a content part of type `kind`."""
    return any(
        isinstance(part, dict) and part.get("type") == kind
        for body in bodies
        if isinstance(body.content, list)
        for part in body.content
    )


def _parts(body: ChatMessage) -> Iterator[_Part]:
    match body.content:
        case str():
            yield _Part(body.content)
        case None if body.tool_calls:
            yield _Part()
        case None:
            raise InvalidRequestError("invalid message content type: <nil>")
        case list():
            for part in body.content:
                yield _part(part)
        case bool():
            raise InvalidRequestError("invalid message content type: bool")
        case int() | float():
            raise InvalidRequestError("invalid message content type: float64")
        case _:
            raise InvalidRequestError("invalid message content type: map[string]interface {}")


def _part(part: object) -> _Part:
    match part:
        case {"type": "text", "text": str(text)}:
            return _Part(text)
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return _Part(image=_image(url))
        case {"type": "input_audio", "input_audio": dict(audio)}:
            return _Part(audio=_audio(audio))
        case {"type": "input_audio"}:
            raise InvalidRequestError("invalid input_audio format")
        case _:
            raise InvalidRequestError("invalid message format")


def _image(url: str) -> bytes:
    if url.startswith(("http://", "https://")):
        raise InvalidRequestError(
            "image URLs are not currently supported, please use base64 encoded data instead"
        )
    match = _IMAGE_URL.match(url)
    if match is None:
        raise InvalidRequestError("invalid image input")
    try:
        return decode_base64(url[match.end() :])
    except ValueError as exc:
        raise InvalidRequestError("invalid image input") from exc


def _audio(audio: dict[str, object]) -> bytes:
    data = audio.get("data")
    if not isinstance(data, str) or not data:
        raise InvalidRequestError("invalid input_audio format: missing data")
    try:
        return decode_base64(data)
    except ValueError as exc:
        raise InvalidRequestError(f"invalid input_audio base64 data: {exc}") from exc


def _tool_calls(body: ChatMessage) -> Iterator[ToolCall]:
    for call in body.tool_calls:
        try:
            arguments = decode_json(call.function.arguments.encode())
        except BodyError as exc:
            raise InvalidRequestError("invalid tool call arguments") from exc
        if not isinstance(arguments, dict):
            raise InvalidRequestError("invalid tool call arguments")
        yield ToolCall(call.function.name, arguments, call.id)
