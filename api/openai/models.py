"""GET /v1/models and /v1/models/{model} (spec 1.15)."""

import asyncio

import msgspec
from fastapi import APIRouter, Request, Response

from api.anthropic.models import is_anthropic, model_info, model_page
from api.ollama.references import local_name
from api.server.json_output import encode
from api.server.streaming import JSONAnswer
from engine.library.library import Library
from engine.library.model import Model


class ModelEntry(msgspec.Struct):
    """One model."""

    id: str
    object: str
    created: int
    owned_by: str


class ModelList(msgspec.Struct):
    """All of them."""

    object: str
    data: list[ModelEntry]


def openai_models_router(library: Library) -> APIRouter:
    """The two read-only routes."""
    router = APIRouter()

    @router.get("/v1/models")
    async def models(request: Request) -> Response:
        """The models of the library, newest first. Clients of Anthropic get its shape."""
        found = await asyncio.to_thread(library.list)
        if is_anthropic(request.headers):
            return JSONAnswer(encode(model_page(found)))
        return JSONAnswer(encode(ModelList("list", [_entry(model) for model in found])))

    @router.get("/v1/models/{model:path}")
    async def model(request: Request, model: str) -> Response:
        """One model. Names with slashes work too, unlike in Ollama."""
        found = await asyncio.to_thread(library.get, local_name(model))
        if is_anthropic(request.headers):
            return JSONAnswer(encode(model_info(found, model)))
        return JSONAnswer(encode(_entry(found, model)))

    return router


def _entry(model: Model, requested: str = "") -> ModelEntry:
    name = requested or model.name.short
    return ModelEntry(name, "model", int(model.modified_at.timestamp()), model.name.namespace)
