"""Answers of /v1/chat/completions from engine events (spec 1.15, 1.18)."""

import secrets
import time
from dataclasses import dataclass
from typing import Literal

import msgspec

from api.server.errors import openai_error_body
from api.server.json_output import encode
from api.server.logprobs import LogprobItem, logprob_items
from api.server.truncation import PromptTruncated, prompt_truncated
from engine.candidates import Indexed
from engine.completion import Delta, Done, Event, ToolCalled
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
    """A piece of one of the answers."""

    index: int
    delta: MessagePart
    finish_reason: FinishReason | None
    logprobs: ChoiceLogprobs | msgspec.UnsetType = msgspec.UNSET


class Choice(msgspec.Struct):
    """One of the answers, whole."""

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


@dataclass
class _Choice:
    """What is known of one of the answers."""

    role: str | msgspec.UnsetType = "assistant"
    """Sent with the first chunk only."""
    has_called: bool = False
    done: Done | None = None


class ChatCompletionTranslator:
    """Events of one answer or several as chat completion chunks."""

    media_type = EVENT_STREAM

    def __init__(self, model: str, *, include_usage: bool, num_choices: int = 1) -> None:
        self._model = model
        self._include_usage = include_usage
        self._id = f"chatcmpl-{secrets.randbelow(999)}"
        self._created = int(time.time())
        self._choices = [_Choice() for _ in range(num_choices)]

    def is_single(self, event: Indexed) -> bool:
        """Never: a request without messages does not get this far."""
        return False

    def chunk(self, event: Indexed) -> bytes:
        """Server-sent events; text and thinking that came together go out one by one."""
        index = event.index
        match event.event:
            case Delta(content, thinking, logprobs):
                parts = b""
                if thinking:
                    # What came together belongs to the text, if there is any.
                    own = () if content else logprobs
                    part = MessagePart(content=msgspec.UNSET if content else "", reasoning=thinking)
                    parts += self._delta(index, part, own)
                if content or not thinking:
                    parts += self._delta(index, MessagePart(content=content), logprobs)
                return parts
            case ToolCalled() as called:
                self._choices[index].has_called = True
                part = MessagePart(content="", tool_calls=[_tool_call(called)])
                return self._delta(index, part)
            case Done() as done:
                return self._end(index, done)
            case _:
                return b""

    def whole(self, events: list[Indexed]) -> bytes:
        """All text in one object."""
        choices = []
        for index, choice in enumerate(self._choices):
            own = [indexed.event for indexed in events if indexed.index == index]
            choice.done = next((event for event in own if isinstance(event, Done)), Done("stop"))
            choices.append(_whole_choice(index, own, choice.done))
        return encode(
            Completion(
                self._id,
                "chat.completion",
                self._created,
                self._model,
                _FINGERPRINT,
                choices,
                self._usage(),
            )
        )

    def failure(self, status: int, text: str) -> bytes:
        """An error event. No `[DONE]` follows, so that nobody takes the answer for complete."""
        return b"data: " + openai_error_body(status, text) + b"\n\n"

    def _delta(
        self, index: int, part: MessagePart, logprobs: tuple[TokenLogprob, ...] = ()
    ) -> bytes:
        choice = self._choices[index]
        part.role, choice.role = choice.role, msgspec.UNSET
        return self._event([ChunkChoice(index, part, None, _logprobs(logprobs))])

    def _end(self, index: int, done: Done) -> bytes:
        choice = self._choices[index]
        choice.done = done
        data = b""
        if choice.role is not msgspec.UNSET:  # an answer with no text still has a role
            data += self._delta(index, MessagePart(content=""))
        reason = _finish_reason(done, choice.has_called)
        data += self._event([ChunkChoice(index, MessagePart(), reason)])
        if not all(one.done for one in self._choices):
            return data
        if self._include_usage:
            data += self._event([], self._usage())
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

    def _usage(self) -> Usage:
        """The prompt counts once, however many answers it gets."""
        metrics = [choice.done.metrics for choice in self._choices if choice.done]
        first = metrics[0]
        completion = sum(one.eval_count for one in metrics)
        return Usage(
            first.prompt_eval_count,
            completion,
            first.prompt_eval_count + completion,
            PromptTokensDetails(first.cached_count),
            prompt_truncated(first),
        )


def _whole_choice(index: int, events: list[Event], done: Done) -> Choice:
    deltas = [event for event in events if isinstance(event, Delta)]
    calls = [_tool_call(event) for event in events if isinstance(event, ToolCalled)]
    message = MessagePart(
        "assistant",
        "".join(delta.content for delta in deltas),
        "".join(delta.thinking for delta in deltas),
        calls,
    )
    logprobs = tuple(item for delta in deltas for item in delta.logprobs)
    return Choice(index, message, _finish_reason(done, bool(calls)), _logprobs(logprobs))


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
