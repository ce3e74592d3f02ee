"""Answers of /v1/chat/completions from engine events (spec 1.15, 1.18)."""

import secrets
import time
from collections.abc import Sequence
from typing import Literal

import msgspec

from api.server.errors import openai_error_body
from api.server.json_output import encode
from api.server.logprobs import LogprobItem, logprob_items
from api.server.truncation import PromptTruncated, prompt_truncated
from engine.completion import Delta, Done, Event, Metrics, ToolCalled
from engine.frames import TokenLogprob

EVENT_STREAM = "text/event-stream"
_FINGERPRINT = "fp_ollama"

FinishReason = Literal["stop", "length", "tool_calls"]


class CalledFunction(msgspec.Struct):
    """The function that the model calls; `arguments` is JSON in a string."""

    name: str
    arguments: str


class ToolCallPart(msgspec.Struct):
    """A tool call of the model, whole."""

    index: int
    id: str
    type: str
    function: CalledFunction


class MessagePart(msgspec.Struct, omit_defaults=True):
    """A message, or a delta of one. Absent keys differ from empty ones: UNSET leaves out."""

    role: str | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET
    reasoning: str = ""
    tool_calls: list[ToolCallPart] = []


class PromptTokensDetails(msgspec.Struct):
    """Where the prompt's tokens came from."""

    cached_tokens: int


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    prompt_truncated: PromptTruncated | None = None
    """Beyond OpenAI: what the model did not see."""


class ChoiceLogprobs(msgspec.Struct):
    """Log-probabilities of a choice's tokens."""

    content: list[LogprobItem]


class ChunkChoice(msgspec.Struct):
    """The only choice of a chunk."""

    index: int
    delta: MessagePart
    finish_reason: FinishReason | None
    logprobs: ChoiceLogprobs | msgspec.UnsetType = msgspec.UNSET


class Choice(msgspec.Struct):
    """The only choice of a whole answer."""

    index: int
    message: MessagePart
    finish_reason: FinishReason | None
    logprobs: ChoiceLogprobs | msgspec.UnsetType = msgspec.UNSET


class Chunk(msgspec.Struct):
    """One event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChunkChoice]
    usage: Usage | msgspec.UnsetType = msgspec.UNSET


class Completion(msgspec.Struct):
    """A whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[Choice]
    usage: Usage


class ChatCompletionTranslator:
    """Events as chat completion chunks."""

    media_type = EVENT_STREAM

    def __init__(self, model: str, *, include_usage: bool) -> None:
        self._model = model
        self._include_usage = include_usage
        self._id = f"chatcmpl-{secrets.randbelow(999)}"
        self._created = int(time.time())
        self._role: str | msgspec.UnsetType = "assistant"
        """Sent with the first chunk only."""
        self._has_called = False

    def is_single(self, event: Event) -> bool:
        """Never: a request without messages does not get this far."""
        return False

    def chunk(self, event: Event) -> bytes:
        """Server-sent events; text and thinking that came together go out one by one."""
        match event:
            case Delta(content, thinking, logprobs):
                parts = b""
                if thinking:
                    # What came together belongs to the text, if there is any.
                    own = () if content else logprobs
                    parts += self._delta(msgspec.UNSET if content else "", thinking, own)
                if content or not thinking:
                    parts += self._delta(content, "", logprobs)
                return parts
            case ToolCalled():
                self._has_called = True
                return self._delta("", "", calls=[_tool_call(event)])
            case Done():
                return self._end(event)
            case _:
                return b""

    def whole(self, events: list[Event]) -> bytes:
        """All text in one object."""
        deltas = [event for event in events if isinstance(event, Delta)]
        content = "".join(delta.content for delta in deltas)
        thinking = "".join(delta.thinking for delta in deltas)
        last = events[-1]
        done = last if isinstance(last, Done) else Done("stop")
        calls = [_tool_call(event) for event in events if isinstance(event, ToolCalled)]
        message = MessagePart("assistant", content, thinking, calls)
        logprobs = tuple(item for delta in deltas for item in delta.logprobs)
        return encode(
            Completion(
                self._id,
                "chat.completion",
                self._created,
                self._model,
                _FINGERPRINT,
                [Choice(0, message, _finish_reason(done, bool(calls)), _logprobs(logprobs))],
                _usage(done.metrics),
            )
        )

    def failure(self, status: int, text: str) -> bytes:
        """An error event. No `[DONE]` follows, so that nobody takes the answer for complete."""
        return b"data: " + openai_error_body(status, text) + b"\n\n"

    def _delta(
        self,
        content: str | msgspec.UnsetType,
        reasoning: str,
        logprobs: tuple[TokenLogprob, ...] = (),
        calls: Sequence[ToolCallPart] = (),
    ) -> bytes:
        part = MessagePart(self._role, content, reasoning, list(calls))
        self._role = msgspec.UNSET
        return self._event([ChunkChoice(0, part, None, _logprobs(logprobs))])

    def _end(self, done: Done) -> bytes:
        data = b""
        if self._role is not msgspec.UNSET:  # an answer with no text still has a role
            data += self._delta("", "")
        data += self._event([ChunkChoice(0, MessagePart(), _finish_reason(done, self._has_called))])
        if self._include_usage:
            data += self._event([], _usage(done.metrics))
        return data + b"data: [DONE]\n\n"

    def _event(
        self, choices: list[ChunkChoice], usage: Usage | msgspec.UnsetType = msgspec.UNSET
    ) -> bytes:
        chunk = Chunk(
            self._id,
            "chat.completion.chunk",
            self._created,
            self._model,
            _FINGERPRINT,
            choices,
            usage,
        )
        return b"data: " + encode(chunk) + b"\n\n"


def _logprobs(logprobs: tuple[TokenLogprob, ...]) -> ChoiceLogprobs | msgspec.UnsetType:
    if not logprobs:
        return msgspec.UNSET
    return ChoiceLogprobs(logprob_items(logprobs, even_empty=True))


def _tool_call(called: ToolCalled) -> ToolCallPart:
    call = called.call
    arguments = msgspec.json.encode(call.arguments).decode()
    return ToolCallPart(called.index, call.id, "function", CalledFunction(call.name, arguments))


def _finish_reason(done: Done, has_called: bool) -> FinishReason:
    if done.reason == "length":
        return "length"
    return "tool_calls" if has_called else "stop"


def _usage(metrics: Metrics) -> Usage:
    prompt, completion = metrics.prompt_eval_count, metrics.eval_count
    details = PromptTokensDetails(metrics.cached_count)
    return Usage(prompt, completion, prompt + completion, details, prompt_truncated(metrics))
