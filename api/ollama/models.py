"""Routes about models on disk and in memory (spec 1.9 to 1.12). Event loop; disk in threads."""

import asyncio
import dataclasses
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from api.ollama.details import ps_entry, tags_entry, without_empty
from api.ollama.references import SHOW_CLOUD_DISABLED, local_name
from api.ollama.shapes import CopyBody, DeleteBody, ShowBody
from api.server.body import read_shape, request_body
from api.server.json_output import encode
from api.server.streaming import JSONAnswer
from api.server.timestamps import format_local
from engine.engine import Engine
from engine.errors import InvalidRequestError, ModelNotFoundError
from engine.library.errors import InvalidNameError
from engine.library.gotext import quote
from engine.library.names import ModelName

_NEVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS_SHOWN = frozenset({"model_info", "details", "modified_at"})


def models_router(engine: Engine) -> APIRouter:
    """Lists, show, copy and delete."""
    router = APIRouter()
    library, scheduler = engine.library, engine.scheduler

    async def tags() -> Response:
        """The models of the library, newest first."""
        models = await asyncio.to_thread(library.list)
        return JSONAnswer(encode({"models": [tags_entry(model) for model in models]}))

    router.get("/api/tags", name="tags")(tags)
    router.head("/api/tags", include_in_schema=False)(tags)

    @router.get("/api/ps")
    async def ps() -> Response:
        """The models in memory, the one that stays longest first."""
        loaded = sorted(scheduler.loaded(), key=lambda m: m.expires_at or _NEVER, reverse=True)
        return JSONAnswer(encode({"models": [ps_entry(model) for model in loaded]}))

    @router.post("/api/show", openapi_extra=request_body(ShowBody))
    async def show(request: Request) -> Response:
        """Everything known about one model."""
        body = await read_shape(request, ShowBody)
        name = _show_name(body.model or body.name)
        try:
            reply = await asyncio.to_thread(
                library.show, name, body.verbose, body.system, body.options
            )
        except ModelNotFoundError as exc:
            raise ModelNotFoundError(name.short) from exc
        fields = {field.name: getattr(reply, field.name) for field in dataclasses.fields(reply)}
        fields["modified_at"] = format_local(reply.modified_at)
        return JSONAnswer(encode(without_empty(fields, _ALWAYS_SHOWN)))

    @router.post("/api/copy", openapi_extra=request_body(CopyBody))
    async def copy(request: Request) -> Response:
        """Give a model a second name."""
        body = await read_shape(request, CopyBody)
        source = _name_or(body.source, f"source {quote(body.source)} is invalid")
        destination = _name_or(
            body.destination, f"destination {quote(body.destination)} is invalid"
        )
        await asyncio.to_thread(library.copy, source, destination)
        return Response()

    @router.delete("/api/delete", openapi_extra=request_body(DeleteBody))
    async def delete(request: Request) -> Response:
        """Remove a model's name, and the files that no other model uses."""
        body = await read_shape(request, DeleteBody)
        text = body.model or body.name
        name = _name_or(text, f"name {quote(text)} is invalid")
        try:
            await asyncio.to_thread(library.delete, name)
        except ModelNotFoundError as exc:
            raise ModelNotFoundError(text) from exc
        return Response()

    return router


def _show_name(text: str) -> ModelName:
    local = local_name(text, SHOW_CLOUD_DISABLED)
    return _name_or(local, "model is required")


def _name_or(text: str, message: str) -> ModelName:
    """The parsed name, or InvalidRequestError with `message`."""
    try:
        return ModelName.parse(text)
    except InvalidNameError as exc:
        raise InvalidRequestError(message) from exc
