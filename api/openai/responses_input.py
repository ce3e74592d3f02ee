"""Input items of /v1/responses as the engine's messages (spec 1.15). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from api.openai.messages import engine_messages
from api.openai.shapes import ChatMessage
from api.server.json_input import BodyError, decode_json
from engine.errors import InvalidRequestError
from engine.library.gotext import quote
from engine.prompt.messages import Message, ToolCall

_TEXT_TYPES = ("input_text", "output_text")


def input_messages(value: object, past: Sequence[Message] = ()) -> tuple[Message, ...]:
    """The messages of a request's `input`.

    `past`: the conversation that they continue; results are matched with its calls. Raises
    InvalidRequestError.
    """
    match value:
        case None:
            return ()
        case str():
            return (Message("user", value),)
        case list():
            conversation = _Conversation(past)
            for index, item in enumerate(value):
                try:
                    conversation.add(item)
                except InvalidRequestError as exc:
                    raise InvalidRequestError(f"input[{index}]: {exc}") from exc
            return conversation.end()
    raise InvalidRequestError(f"input must be a string or array: {_no_list(value)}")


class _Conversation:
    """Messages in the making: items that belong to one turn of the model become one message."""

    def __init__(self, past: Iterable[Message]) -> None:
        self._messages: list[Message] = []
        self._thinking = ""
        """Of a reasoning item; it belongs to the assistant's item that follows."""
        self._tool_names = {call.id: call.name for message in past for call in message.tool_calls}

    def end(self) -> tuple[Message, ...]:
        """All messages."""
        self._keep_thinking()
        return tuple(self._messages)

    def add(self, item: object) -> None:
        if not isinstance(item, dict):
            raise InvalidRequestError("input item must be an object")
        kind = item.get("type")
        if not kind and item.get("role"):
            kind = "message"
        match kind:
            case "message":
                self._add_message(item)
            case "function_call":
                self._add_call(item)
            case "function_call_output":
                self._add_output(item)
            case "reasoning":
                self._thinking += _text(item, "encrypted_content")
            case "web_search_call":
                pass  # what was found is in the answer's text
            case None | "":
                raise InvalidRequestError("input item missing required 'type' field")
            case str():
                raise InvalidRequestError(f"unknown input item type: {quote(kind)}")
            case _:
                raise InvalidRequestError("input item's 'type' field must be a string")

    def _add_message(self, item: dict[str, object]) -> None:
        role = _text(item, "role").lower()
        if not role:
            raise InvalidRequestError("message item missing required 'role' field")
        text, images = _content(item.get("content"), "content")
        if role != "assistant":
            self._keep_thinking()
            self._messages.append(Message(role, text, images=images))
            return
        last = self._messages[-1] if self._messages else None
        if last is not None and last.tool_calls:
            # Said between a call and its result: templates want both in one message.
            self._messages[-1] = self._think(replace(last, content=last.content + text))
        else:
            self._messages.append(self._think(Message(role, text, images=images)))

    def _add_call(self, item: dict[str, object]) -> None:
        name = _text(item, "name")
        if not name:
            raise InvalidRequestError("function_call item missing required 'name' field")
        call = ToolCall(name, _arguments(_text(item, "arguments")), _text(item, "call_id"))
        self._tool_names[call.id] = name
        if not self._messages or self._messages[-1].role != "assistant":
            self._messages.append(Message("assistant"))
        last = self._messages[-1]
        self._messages[-1] = self._think(replace(last, tool_calls=(*last.tool_calls, call)))

    def _add_output(self, item: dict[str, object]) -> None:
        self._keep_thinking()
        text, images = _content(item.get("output"), "output")
        call_id = _text(item, "call_id")
        name = self._tool_names.get(call_id, "")
        self._messages.append(
            Message("tool", text, images=images, tool_name=name, tool_call_id=call_id)
        )

    def _think(self, message: Message) -> Message:
        thinking, self._thinking = self._thinking, ""
        return replace(message, thinking=message.thinking + thinking)

    def _keep_thinking(self) -> None:
        """Thoughts that no answer followed (it was cut short) are a turn of their own."""
        if self._thinking:
            self._messages.append(self._think(Message("assistant")))


def _content(value: object, field: str) -> tuple[str, tuple[bytes, ...]]:
    match value:
        case None:
            return "", ()
        case str():
            return value, ()
        case list():
            texts: list[str] = []
            images: list[bytes] = []
            for part in value:
                if not isinstance(part, dict):
                    raise InvalidRequestError(f"{field} parts must be objects")
                match part.get("type"):
                    case "input_image":
                        images += _images(part)
                    case "input_file":
                        raise InvalidRequestError("file inputs are not currently supported")
                    case kind if kind in _TEXT_TYPES:
                        texts.append(_text(part, "text"))
                    case kind:
                        raise InvalidRequestError(f"unknown content type: {kind or ''}")
            return "".join(texts), tuple(images)
    raise InvalidRequestError(f"{field} must be a string or array: {_no_list(value)}")


def _images(part: dict[str, object]) -> tuple[bytes, ...]:
    """As in the chat dialect, which has the rules for what an image's URL may be."""
    url = _text(part, "image_url")
    (message,) = engine_messages(
        [ChatMessage(role="user", content=[{"type": "image_url", "image_url": url}])]
    )
    return message.images


def _arguments(text: str) -> dict[str, object]:
    if not text:
        return {}
    try:
        arguments = decode_json(text.encode())
    except BodyError as exc:
        raise InvalidRequestError(f"failed to parse function call arguments: {exc}") from exc
    if not isinstance(arguments, dict):
        raise InvalidRequestError(
            "failed to parse function call arguments: json: cannot unmarshal "
            f"{_kind(arguments)} into Go value of type map[string]interface {{}}"
        )
    return arguments


def _text(item: dict[str, object], name: str) -> str:
    match item.get(name):
        case None:
            return ""
        case str() as text:
            return text
    raise InvalidRequestError(f"'{name}' must be a string")


def _no_list(value: object) -> str:
    return f"json: cannot unmarshal {_kind(value)} into Go value of type []json.RawMessage"


def _kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
