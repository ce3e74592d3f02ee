"""Answers of /v1/messages from engine events (spec 1.16, 1.18)."""

import secrets
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from api.server.errors import anthropic_error_body
from api.server.json_output import encode
from api.server.truncation import PromptTruncated, prompt_truncated
from engine.completion import ChatRequest, Delta, Done, Event, Metrics, ToolCalled
from engine.prompt.messages import ToolCall

CHARACTERS_PER_TOKEN = 4
"""For the estimate at a stream's start; its end has the true number."""

StopReason = Literal["end_turn", "max_tokens", "tool_use"]
"""Which of a request's stop sequences ended an answer, if one did, the engine does not tell:
such an answer is `end_turn`."""


class TextBlock(msgspec.Struct, tag="text"):
    """What the model said."""

    text: str


class ThinkingBlock(msgspec.Struct, tag="thinking"):
    """What the model thought."""

    thinking: str


class ToolUseBlock(msgspec.Struct, tag="tool_use"):
    """A tool that the model calls."""

    id: str
    name: str
    input: dict[str, Any]


Block = TextBlock | ThinkingBlock | ToolUseBlock


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one request: the prompt's are `input_tokens` and `cache_read_input_tokens`."""

    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | msgspec.UnsetType = msgspec.UNSET
    """0: here, what is read costs the same whether it is kept or not."""
    cache_read_input_tokens: int | msgspec.UnsetType = msgspec.UNSET
    prompt_truncated: PromptTruncated | None = None
    """Beyond Anthropic: what the model did not see."""


class MessageReply(msgspec.Struct):
    """A whole answer, or the empty beginning of a streamed one."""

    id: str
    type: str
    role: str
    model: str
    content: list[Block] | None
    stop_reason: StopReason | None
    stop_sequence: str | None
    usage: Usage


class MessageTranslator:
    """Events as a message, or as the events of a message that grows."""

    media_type = "text/event-stream"

    def __init__(self, model: str, estimated_tokens: int) -> None:
        self._model = model
        self._estimated_tokens = estimated_tokens
        self._id = f"msg_{secrets.token_hex(12)}"
        self._is_started = False
        self._index = -1
        self._open: type[Block] | None = None
        self._has_called = False

    def is_single(self, event: Event) -> bool:
        """Never: a request without messages does not get this far."""
        return False

    def chunk(self, event: Event) -> bytes:
        """Server-sent events; thinking that came together with text goes first."""
        data = b"" if self._is_started else self._start()
        match event:
            case Delta(content, thinking):
                if thinking:
                    data += self._grow(ThinkingBlock(""), "thinking", thinking)
                if content:
                    data += self._grow(TextBlock(""), "text", content)
            case ToolCalled(_, call):
                data += self._call(call)
            case Done():
                data += self._end(event)
        return data

    def whole(self, events: list[Event]) -> bytes:
        """One message, with the blocks that a stream would have."""
        content = _blocks(events)
        last = events[-1]
        done = last if isinstance(last, Done) else Done("stop")
        has_called = any(isinstance(block, ToolUseBlock) for block in content)
        reason = _stop_reason(done, has_called)
        return encode(self._message(content or None, reason, _usage(done.metrics)))

    def failure(self, status: int, text: str) -> bytes:
        """An error event. No `message_stop` follows."""
        return b"event: error\ndata: " + anthropic_error_body(status, text) + b"\n\n"

    def _message(
        self, content: list[Block] | None, reason: StopReason | None, usage: Usage
    ) -> MessageReply:
        return MessageReply(
            self._id, "message", "assistant", self._model, content, reason, None, usage
        )

    def _start(self) -> bytes:
        self._is_started = True
        message = self._message([], None, Usage(self._estimated_tokens, 0))
        return _event("message_start", message=message)

    def _grow(self, empty: Block, name: str, text: str) -> bytes:
        data = b"" if self._open is type(empty) else self._begin(empty)
        delta = {"type": f"{name}_delta", name: text}
        return data + _event("content_block_delta", index=self._index, delta=delta)

    def _call(self, call: ToolCall) -> bytes:
        self._has_called = True
        data = self._begin(ToolUseBlock(call.id, call.name, {}))
        arguments = msgspec.json.encode(call.arguments).decode()
        delta = {"type": "input_json_delta", "partial_json": arguments}
        data += _event("content_block_delta", index=self._index, delta=delta)
        return data + self._close()

    def _begin(self, block: Block) -> bytes:
        data = self._close()
        self._index += 1
        self._open = type(block)
        return data + _event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        self._open = None
        return _event("content_block_stop", index=self._index)

    def _end(self, done: Done) -> bytes:
        delta = {"stop_reason": _stop_reason(done, self._has_called), "stop_sequence": None}
        return (
            self._close()
            + _event("message_delta", delta=delta, usage=_usage(done.metrics))
            + _event("message_stop")
        )


def estimate_tokens(chat: ChatRequest) -> int:
    """About how long the prompt is, before the model's runner has said so."""
    return max(1, sum(_lengths(chat)) // CHARACTERS_PER_TOKEN)


def _lengths(chat: ChatRequest) -> Iterator[int]:
    for message in chat.messages:
        yield len(message.content) + len(message.thinking)
        for call in message.tool_calls:
            yield len(call.name) + len(msgspec.json.encode(call.arguments))
    for tool in chat.offered_tools:
        yield len(msgspec.json.encode(tool))


def _event(kind: str, **fields: Any) -> bytes:  # noqa: ANN401 - any JSON
    data = encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _blocks(events: list[Event]) -> list[Block]:
    blocks: list[Block] = []
    for event in events:
        match event:
            case Delta(content, thinking):
                _append_thinking(blocks, thinking)
                _append_text(blocks, content)
            case ToolCalled(_, call):
                blocks.append(ToolUseBlock(call.id, call.name, call.arguments))
    return blocks


def _append_thinking(blocks: list[Block], text: str) -> None:
    match blocks:
        case [*_, ThinkingBlock() as last]:
            last.thinking += text
        case _ if text:
            blocks.append(ThinkingBlock(text))


def _append_text(blocks: list[Block], text: str) -> None:
    match blocks:
        case [*_, TextBlock() as last]:
            last.text += text
        case _ if text:
            blocks.append(TextBlock(text))


def _stop_reason(done: Done, has_called: bool) -> StopReason:
    if done.reason == "length":
        return "max_tokens"
    return "tool_use" if has_called else "end_turn"


def _usage(metrics: Metrics) -> Usage:
    """As Anthropic counts: what came from the cache is not among the input tokens."""
    return Usage(
        metrics.prompt_eval_count - metrics.cached_count,
        metrics.eval_count,
        0,
        metrics.cached_count,
        prompt_truncated(metrics),
    )
