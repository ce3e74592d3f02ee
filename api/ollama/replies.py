"""Answers of /api/generate and /api/chat from engine events (spec 1.5, 1.6, 1.18).

One struct per object on the wire, encoded at once: this is the path that every token takes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import msgspec

from api.server.errors import native_error_body
from api.server.json_output import NDJSON_TYPE, encode
from api.server.logprobs import LogprobItem, logprob_items
from api.server.timestamps import utc_now
from api.server.truncation import PromptTruncated, prompt_truncated
from engine.completion import Delta, Done, Event, Rendered, ToolCalled


class DebugInfo(msgspec.Struct):
    """The prompt as the model would see it."""

    rendered_template: str
    image_count: int = 0


class GenerateReply(msgspec.Struct, omit_defaults=True):
    """One object of /api/generate. Fields with a default are left out when they hold it."""

    model: str
    created_at: str
    response: str
    done: bool
    thinking: str = ""
    done_reason: str = ""
    context: tuple[int, ...] = ()
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    cached: int = 0
    prompt_truncated: PromptTruncated | None = None
    logprobs: list[LogprobItem] = []
    debug_info: DebugInfo | None = msgspec.field(name="_debug_info", default=None)


class ReplyFunction(msgspec.Struct):
    """The function that the model calls."""

    index: int
    name: str
    arguments: dict[str, Any]


class ReplyToolCall(msgspec.Struct):
    """A tool call of the model."""

    id: str
    function: ReplyFunction


class ReplyMessage(msgspec.Struct, omit_defaults=True):
    """The message in an object of /api/chat."""

    role: str
    content: str
    thinking: str = ""
    tool_calls: list[ReplyToolCall] = []


class ChatReply(msgspec.Struct, omit_defaults=True):
    """One object of /api/chat."""

    model: str
    created_at: str
    message: ReplyMessage
    done: bool
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    cached: int = 0
    prompt_truncated: PromptTruncated | None = None
    logprobs: list[LogprobItem] = []
    debug_info: DebugInfo | None = msgspec.field(name="_debug_info", default=None)


Reply = GenerateReply | ChatReply


class NativeTranslator(ABC):
    """What the two routes have in common."""

    media_type = NDJSON_TYPE

    def __init__(self, model: str) -> None:
        self._model = model

    @abstractmethod
    def _reply(
        self, content: str, thinking: str, *, done: bool, calls: Sequence[ToolCalled] = ()
    ) -> Reply:
        """An object with that text and those tool calls."""

    def is_single(self, event: Event) -> bool:
        """Loads, unloads and rendered prompts answer with one plain object."""
        match event:
            case Done(reason="load" | "unload") | Rendered():
                return True
            case _:
                return False

    def chunk(self, event: Event) -> bytes:
        """One NDJSON line."""
        match event:
            case Delta(content, thinking, logprobs):
                reply = self._reply(content, thinking, done=False)
                if logprobs:
                    reply.logprobs = logprob_items(logprobs)
            case ToolCalled():
                reply = self._reply("", "", done=False, calls=(event,))
            case Done():
                reply = self._reply("", "", done=True)
                _fill(reply, event)
            case Rendered(prompt, num_images):
                reply = self._reply("", "", done=False)
                reply.debug_info = DebugInfo(prompt, num_images)
        return encode(reply) + b"\n"

    def whole(self, events: list[Event]) -> bytes:
        """All text in one object, with the last event's metrics."""
        last = events[-1]
        if isinstance(last, Rendered):
            return self.chunk(last)[:-1]
        deltas = [event for event in events if isinstance(event, Delta)]
        content = "".join(delta.content for delta in deltas)
        thinking = "".join(delta.thinking for delta in deltas)
        calls = [event for event in events if isinstance(event, ToolCalled)]
        reply = self._reply(content, thinking, done=True, calls=calls)
        reply.logprobs = [item for delta in deltas for item in logprob_items(delta.logprobs)]
        if isinstance(last, Done):
            _fill(reply, last)
        return encode(reply)

    def failure(self, status: int, text: str) -> bytes:
        """An error as a line of the stream; the status line is long gone."""
        return native_error_body(text) + b"\n"


class GenerateTranslator(NativeTranslator):
    """Events as objects of /api/generate."""

    def _reply(
        self, content: str, thinking: str, *, done: bool, calls: Sequence[ToolCalled] = ()
    ) -> Reply:
        return GenerateReply(self._model, utc_now(), content, done, thinking)


class ChatTranslator(NativeTranslator):
    """Events as objects of /api/chat."""

    def _reply(
        self, content: str, thinking: str, *, done: bool, calls: Sequence[ToolCalled] = ()
    ) -> Reply:
        message = ReplyMessage("assistant", content, thinking, [_tool_call(call) for call in calls])
        return ChatReply(self._model, utc_now(), message, done)


def _tool_call(called: ToolCalled) -> ReplyToolCall:
    call = called.call
    return ReplyToolCall(call.id, ReplyFunction(called.index, call.name, call.arguments))


def _fill(reply: Reply, done: Done) -> None:
    metrics = done.metrics
    reply.done_reason = done.reason
    reply.total_duration = metrics.total_duration
    reply.load_duration = metrics.load_duration
    reply.prompt_eval_count = metrics.prompt_eval_count
    reply.prompt_eval_duration = metrics.prompt_eval_duration
    reply.eval_count = metrics.eval_count
    reply.eval_duration = metrics.eval_duration
    reply.cached = metrics.cached_count
    reply.prompt_truncated = prompt_truncated(metrics)
    if isinstance(reply, GenerateReply):
        reply.context = done.context
