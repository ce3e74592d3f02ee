"""Routes about models on disk and in memory (spec 1.9 to 1.12). Event loop; disk in threads."""

import asyncio

from fastapi import APIRouter, Request, Response

from api.ollama.details import ps_entry, show_reply, tags_entry
from api.ollama.references import SHOW_CLOUD_DISABLED, local_name
from api.ollama.shapes import CopyBody, DeleteBody, ShowBody
from api.server.body import read_shape, request_body
from api.server.json_output import encode
from api.server.streaming import JSONAnswer
from engine.engine import Engine
from engine.errors import InvalidRequestError, ModelNotFoundError
from engine.library.errors import InvalidNameError
from engine.library.names import ModelName


def models_router(engine: Engine) -> APIRouter:
    """Lists, show, copy and delete."""
    router = APIRouter()
    library, scheduler = engine.library, engine.scheduler

    async def tags() -> Response:
        """The models of the library, newest first."""
        models = await asyncio.to_thread(library.list)
        return JSONAnswer(encode({"models": [tags_entry(model) for model in models]}))

    router.get("/api/tags")(tags)
    router.head("/api/tags", include_in_schema=False)(tags)

    @router.get("/api/ps")
    async def ps() -> Response:
        """The models in memory, the one that stays longest first."""
        return JSONAnswer(encode({"models": [ps_entry(one) for one in scheduler.loaded()]}))

    @router.post("/api/show", openapi_extra=request_body(ShowBody))
    async def show(request: Request) -> Response:
        """Everything known about one model."""
        body = await read_shape(request, ShowBody)
        requested = body.model or body.name
        name = _show_name(requested)
        try:
            reply = await asyncio.to_thread(
                library.show, name, verbose=body.verbose, system=body.system, options=body.options
            )
        except ModelNotFoundError as exc:
            raise ModelNotFoundError(name.short) from exc
        shown = show_reply(reply)
        if request.headers.get("user-agent", "").startswith("GitHubCopilotChat/"):
            # It takes the base name for the model's name (spec 1.9).
            shown["model_info"] = shown["model_info"] | {"general.basename": requested}
        return JSONAnswer(encode(shown))

    @router.post("/api/copy", openapi_extra=request_body(CopyBody))
    async def copy(request: Request) -> Response:
        """Give a model a second name."""
        body = await read_shape(request, CopyBody)
        await asyncio.to_thread(library.copy, body.source, body.destination)
        return Response()

    @router.delete("/api/delete", openapi_extra=request_body(DeleteBody))
    async def delete(request: Request) -> Response:
        """Remove a model's name, and the files that no other model uses."""
        body = await read_shape(request, DeleteBody)
        await asyncio.to_thread(library.delete, body.model or body.name)
        return Response()

    return router


def _show_name(text: str) -> ModelName:
    try:
        return ModelName.parse(local_name(text, SHOW_CLOUD_DISABLED))
    except InvalidNameError as exc:
        raise InvalidRequestError("model is required") from exc
