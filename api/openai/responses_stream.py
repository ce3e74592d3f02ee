"""Answers of /v1/responses from engine events: the steps of a stream, and the whole (spec 1.15)."""

import time
from collections.abc import Callable, Iterator

import msgspec

from api.openai.replies import EVENT_STREAM
from api.openai.responses_items import (
    FunctionCallItem,
    IncompleteDetails,
    MessageItem,
    OutputText,
    ReasoningItem,
    Response,
    ResponseError,
    ResponseEvent,
    Status,
    SummaryText,
    new_id,
    response_usage,
)
from api.server.json_output import encode
from api.server.logprobs import LogprobItem, logprob_items
from engine.completion import Delta, Done, Event, ToolCalled
from engine.prompt.messages import Message, ToolCall

_ERROR_CODES = {400: "invalid_request_error", 404: "not_found_error"}

Keep = Callable[[bytes, Message], None]
"""Takes a finished response, as it was sent, and the answer as a message."""


class ResponseTranslator:
    """Events as the items of one response. Text and thinking are open items until others begin."""

    media_type = EVENT_STREAM

    def __init__(self, response: Response, keep: Keep) -> None:
        self._response = response
        self._keep = keep
        self._number = 0
        self._open: ReasoningItem | MessageItem | None = None
        """The last item of the output, while it grows."""
        self._texts: list[str] = []
        """Of the open item."""
        self._logprobs: list[LogprobItem] = []
        self._content = ""
        self._thinking = ""
        self._calls: list[ToolCall] = []
        self._has_begun = False

    def is_single(self, event: Event) -> bool:
        """Never: a request without input does not get this far."""
        return False

    def chunk(self, event: Event) -> bytes:
        """Server-sent events."""
        # Each step is encoded before the next one changes the items that both tell of.
        data = b"".join(self._encode(step) for step in self._steps(event))
        if isinstance(event, Done):
            self._finish()
        return data

    def whole(self, events: list[Event]) -> bytes:
        """The response alone. Text beside calls is left out, as Ollama does."""
        for event in events:
            for _ in self._steps(event):
                pass
        if self._calls:
            self._response.output = [
                item for item in self._response.output if not isinstance(item, MessageItem)
            ]
        return self._finish()

    def failure(self, status: int, text: str) -> bytes:
        """The last event of a stream that breaks."""
        self._response.status = "failed"
        self._response.error = ResponseError(_ERROR_CODES.get(status, "api_error"), text)
        return self._encode(ResponseEvent(type="response.failed", response=self._response))

    def _encode(self, step: ResponseEvent) -> bytes:
        step.sequence_number = self._number
        self._number += 1
        return b"event: " + step.type.encode() + b"\ndata: " + encode(step) + b"\n\n"

    def _finish(self) -> bytes:
        body = encode(self._response)
        answer = Message("assistant", self._content, self._thinking, tool_calls=tuple(self._calls))
        self._keep(body, answer)
        return body

    def _steps(self, event: Event) -> Iterator[ResponseEvent]:
        if not self._has_begun:
            self._has_begun = True
            for kind in ("response.created", "response.in_progress"):
                yield ResponseEvent(type=kind, response=self._response)
        match event:
            case Delta(content, thinking, logprobs):
                if thinking:
                    yield from self._think(thinking)
                is_pending = not thinking and isinstance(self._open, MessageItem)
                if content or (logprobs and is_pending):
                    yield from self._say(content, logprob_items(logprobs, even_empty=True))
            case ToolCalled():
                yield from self._close("completed")
                yield from self._call(event.call)
            case Done():
                yield from self._end(event)

    def _think(self, text: str) -> Iterator[ResponseEvent]:
        item = self._open
        if not isinstance(item, ReasoningItem):
            yield from self._close("completed")
            item = ReasoningItem(new_id("rs"))
            yield self._add(item)
        self._texts.append(text)
        yield ResponseEvent(
            type="response.reasoning_summary_text.delta",
            item_id=item.id,
            output_index=self._index,
            summary_index=0,
            delta=text,
        )

    def _say(self, text: str, logprobs: list[LogprobItem]) -> Iterator[ResponseEvent]:
        item = self._open
        if not isinstance(item, MessageItem):
            yield from self._close("completed")
            item = MessageItem(new_id("msg"), "in_progress", "assistant")
            yield self._add(item)
            yield self._part("response.content_part.added", item, OutputText())
        self._texts.append(text)
        self._logprobs += logprobs
        yield ResponseEvent(
            type="response.output_text.delta",
            item_id=item.id,
            output_index=self._index,
            content_index=0,
            delta=text,
            logprobs=logprobs,
        )

    def _call(self, call: ToolCall) -> Iterator[ResponseEvent]:
        self._calls.append(call)
        item = FunctionCallItem(new_id("fc"), "in_progress", call.id, call.name, "")
        self._response.output.append(item)
        yield self._item("response.output_item.added", item)
        item.arguments = msgspec.json.encode(call.arguments).decode()
        yield ResponseEvent(
            type="response.function_call_arguments.delta",
            item_id=item.id,
            output_index=self._index,
            delta=item.arguments,
        )
        yield ResponseEvent(
            type="response.function_call_arguments.done",
            item_id=item.id,
            output_index=self._index,
            name=item.name,
            arguments=item.arguments,
        )
        item.status = "completed"
        yield self._item("response.output_item.done", item)

    def _end(self, done: Done) -> Iterator[ResponseEvent]:
        response = self._response
        status: Status = "incomplete" if done.reason == "length" else "completed"
        if status == "completed" and not self._calls and not isinstance(self._open, MessageItem):
            yield from self._say("", [])  # whoever asks for text gets some, if empty
        yield from self._close(status)
        response.status = status
        response.usage = response_usage(done.metrics)
        if status == "incomplete":
            response.incomplete_details = IncompleteDetails("max_output_tokens")
        else:
            response.completed_at = int(time.time())
        yield ResponseEvent(type=f"response.{status}", response=response)

    def _close(self, status: Status) -> Iterator[ResponseEvent]:
        """Nothing more is added to the open item, if there is one."""
        item, text = self._open, "".join(self._texts)
        self._open, self._texts = None, []
        match item:
            case ReasoningItem():
                self._thinking += text
                item.summary = [SummaryText(text)]
                item.encrypted_content = text
                yield ResponseEvent(
                    type="response.reasoning_summary_text.done",
                    item_id=item.id,
                    output_index=self._index,
                    summary_index=0,
                    text=text,
                )
                yield self._item("response.output_item.done", item)
            case MessageItem():
                self._content += text
                part = OutputText(text, logprobs=self._logprobs)
                self._logprobs = []
                yield ResponseEvent(
                    type="response.output_text.done",
                    item_id=item.id,
                    output_index=self._index,
                    content_index=0,
                    text=text,
                    logprobs=part.logprobs,
                )
                yield self._part("response.content_part.done", item, part)
                item.content, item.status = [part], status
                yield self._item("response.output_item.done", item)

    @property
    def _index(self) -> int:
        """Of the last item, which all events are about."""
        return len(self._response.output) - 1

    def _add(self, item: ReasoningItem | MessageItem) -> ResponseEvent:
        self._response.output.append(item)
        self._open = item
        return self._item("response.output_item.added", item)

    def _item(
        self, kind: str, item: ReasoningItem | MessageItem | FunctionCallItem
    ) -> ResponseEvent:
        return ResponseEvent(type=kind, output_index=self._index, item=item)

    def _part(self, kind: str, item: MessageItem, part: OutputText) -> ResponseEvent:
        return ResponseEvent(
            type=kind, item_id=item.id, output_index=self._index, content_index=0, part=part
        )
