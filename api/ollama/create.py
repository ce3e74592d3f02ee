"""POST /api/create (spec 8): the library's steps as a stream of statuses."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

import msgspec
from fastapi import APIRouter, Request

from api.ollama.messages import engine_messages
from api.ollama.references import local_name
from api.ollama.shapes import CreateBody
from api.server.body import read_shape, request_body
from api.server.errors import native_error_body
from api.server.json_input import BodyError
from api.server.json_output import NDJSON_TYPE, encode
from api.server.streaming import Answer
from engine.library.createrequest import CreateRequest, Progress
from engine.library.library import Library

T = TypeVar("T")
_END = object()


class ProgressReply(msgspec.Struct, omit_defaults=True):
    """One status. Zero values are left out."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


class ProgressTranslator:
    """Statuses as NDJSON; unstreamed, only the last one counts."""

    media_type = NDJSON_TYPE

    def is_single(self, event: Progress) -> bool:
        """Never: even one status is a stream."""
        return False

    def chunk(self, event: Progress) -> bytes:
        """One NDJSON line."""
        return self.whole([event]) + b"\n"

    def whole(self, events: list[Progress]) -> bytes:
        """The last status."""
        last = events[-1]
        return encode(ProgressReply(last.status, last.digest, last.total, last.completed))

    def failure(self, status: int, text: str) -> bytes:
        """An error as a line of the stream."""
        return native_error_body(text) + b"\n"


def create_router(library: Library) -> APIRouter:
    """The route that makes models."""
    router = APIRouter()

    @router.post("/api/create", openapi_extra=request_body(CreateBody))
    async def create(request: Request) -> Answer:
        """Make a model from uploaded files or from another model."""
        body = await read_shape(request, CreateBody)
        steps = library.create(_create_request(body))
        return Answer(iterate_in_thread(steps), ProgressTranslator(), stream=body.stream)

    return router


async def iterate_in_thread(steps: Iterator[T]) -> AsyncIterator[T]:
    """`steps` taken one by one in a thread. Closing this closes `steps`, when its step is over."""
    step: asyncio.Future[object] | None = None
    try:
        while True:
            step = asyncio.ensure_future(asyncio.to_thread(next, steps, _END))
            item = await asyncio.shield(step)
            if item is _END:
                return
            yield item  # type: ignore[misc]  # not _END, so an item of `steps`
    finally:
        if step is not None and not step.done():
            await asyncio.wait({step})
        close = getattr(steps, "close", None)
        if close is not None:
            await asyncio.to_thread(close)


def _create_request(body: CreateBody) -> CreateRequest:
    return CreateRequest(
        model=local_name(body.model or body.name),
        from_=body.from_,
        files=body.files,
        adapters=body.adapters,
        draft_files=body.draft_files,
        template=body.template,
        license=_licenses(body.license),
        system=body.system,
        parameters=body.parameters,
        messages=engine_messages(body.messages),
        renderer=body.renderer,
        parser=body.parser,
        requires=body.requires,
        quantize=body.quantize or body.quantization,
        draft_quantize=body.draft_quantize,
        remote_host=body.remote_host,
        info=body.info,
    )


def _licenses(value: object) -> tuple[str, ...]:
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case _:
            raise BodyError("license must be a string or a list of strings")
