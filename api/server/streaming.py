"""Answers that take time: an iterator of events becomes one JSON object, NDJSON or SSE.

The first event is awaited before the status line goes out, so that errors up to there get a
proper status. A client that leaves, and a server that stops, close the iterator at once: that is
what frees the model's slot. Event loop only.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.server.activity import STOPPING_TEXT, Activity
from api.server.errors import describe_error
from api.server.json_output import JSON_TYPE
from api.server.observation import Observation, observation_of
from api.server.plain_answer import send_error, send_whole

E = TypeVar("E", contravariant=True)


class Translator(Protocol[E]):
    """One dialect's words for the events of one answer. Holds state; made for one request."""

    media_type: str
    """Of the streamed form."""

    def is_single(self, event: E) -> bool:
        """Whether an answer that begins with `event` is one object even when streamed."""
        ...

    def chunk(self, event: E) -> bytes:
        """The streamed form of an event; empty to send nothing."""
        ...

    def whole(self, events: list[Any]) -> bytes:
        """The unstreamed form of all events."""
        ...

    def failure(self, status: int, text: str) -> bytes:
        """What ends a stream that fails after its first byte."""
        ...


class Answer(Response):
    """A response fed by an engine's events. Closes `events` whatever happens."""

    def __init__(
        self, events: AsyncIterator[E], translator: Translator[E], *, stream: bool
    ) -> None:
        super().__init__()
        self._events = events
        self._translator = translator
        self._stream = stream
        self._is_started = False
        self._is_complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        activity: Activity = scope["app"].state.activity
        work = asyncio.create_task(self._respond(scope, send))
        activity.track(work)
        gone = asyncio.create_task(_until_disconnect(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A cancelled `work` ends by closing the events, which takes no more than telling
            # the runner; waiting for it keeps the slot's release inside the request.
            work.cancel()
            gone.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        if activity.is_stopping and not self._is_complete:
            await self._fail(scope, send, 503, STOPPING_TEXT)
        if not work.cancelled():
            work.result()

    async def _respond(self, scope: Scope, send: Send) -> None:
        try:
            async with aclosing(self._events) as events:  # type: ignore[type-var]
                await self._relay(events, observation_of(scope), send)
        except Exception as exc:  # noqa: BLE001 - the request border: whoever waits is answered
            await self._fail(scope, send, *describe_error(exc))

    async def _relay(
        self, events: AsyncIterator[Any], observation: Observation, send: Send
    ) -> None:
        translator = self._translator
        first = await anext(events)
        observation.note(first)
        if not self._stream or translator.is_single(first):
            collected = [first]
            async for event in events:
                observation.note(event)
                collected.append(event)
            body = translator.whole(collected)
            self._is_started = True
            await send_whole(send, 200, body)
            self._is_complete = True
            return
        headers = [(b"content-type", translator.media_type.encode())]
        if translator.media_type == "text/event-stream":
            headers.append((b"cache-control", b"no-cache"))
        self._is_started = True
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if data := translator.chunk(first):
            await send({"type": "http.response.body", "body": data, "more_body": True})
        async for event in events:
            observation.note(event)
            if data := translator.chunk(event):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await self._finish(send, b"")

    async def _fail(self, scope: Scope, send: Send, status: int, text: str) -> None:
        if self._is_complete:
            return
        if not self._is_started:
            self._is_started = True
            await send_error(scope, send, status, text)
            self._is_complete = True
        else:
            await self._finish(send, self._translator.failure(status, text))

    async def _finish(self, send: Send, data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": False})
        self._is_complete = True


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class JSONAnswer(Response):
    """A whole answer in Go's JSON."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        super().__init__(body, status, {"content-type": JSON_TYPE})
