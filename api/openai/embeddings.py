"""POST /v1/embeddings (spec 1.15). Event loop."""

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Request

from api.ollama.embeddings import embed_found, encoded
from api.ollama.references import local_name
from api.openai.embedding_shapes import EmbeddingBody
from api.server.body import read_shape, request_body
from api.server.json_output import encode
from api.server.observation import observation_of
from api.server.single_answer import SingleAnswer
from api.server.streaming import Answer
from engine.embedding import FLOAT_BYTES, EmbedRequest, EmbedResult, Input
from engine.engine import Engine
from engine.errors import InvalidRequestError, ModelNotFoundError


class EmbeddingEntry(msgspec.Struct):
    """One vector: numbers, or base64 of little-endian float32."""

    object: str
    embedding: msgspec.Raw | str
    index: int


class EmbeddingUsage(msgspec.Struct):
    """Tokens of one request."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(msgspec.Struct):
    """The answer."""

    object: str
    data: list[EmbeddingEntry]
    model: str
    usage: EmbeddingUsage


def openai_embeddings_router(engine: Engine) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/embeddings", openapi_extra=request_body(EmbeddingBody))
    async def embeddings(request: Request) -> Answer:
        """Turn one or many texts, or their tokens, into vectors of length 1."""
        body = await read_shape(request, EmbeddingBody)
        if body.encoding_format not in ("", "float", "base64"):
            raise InvalidRequestError(
                f"Invalid value for 'encoding_format' = {body.encoding_format}. "
                "Supported values: ['float', 'base64']."
            )
        inputs = _inputs(body.input)
        name = local_name(body.model)
        if not name:
            raise ModelNotFoundError(body.model)
        wanted = EmbedRequest(name, inputs, dimensions=body.dimensions)
        as_base64 = body.encoding_format == "base64"

        async def work() -> bytes:
            result = await embed_found(engine, wanted)
            observation_of(request.scope).note_prompt(result.usage.prompt_tokens)
            return await asyncio.to_thread(_reply, body.model, result, as_base64)

        return SingleAnswer(work)

    return router


def _inputs(value: object) -> tuple[Input, ...]:
    match value:
        case None | []:
            raise InvalidRequestError("invalid input")
        case str():
            return (value,)
        case list() if all(isinstance(one, str) for one in value):
            return tuple(value)
        case list() if _are_tokens(value):
            return (tuple(value),)
        case list() if all(isinstance(one, list) and _are_tokens(one) for one in value):
            return tuple(tuple(one) for one in value)
        case _:
            raise InvalidRequestError("invalid input type")


def _are_tokens(values: list[Any]) -> bool:
    return all(type(one) is int and 0 <= one < 2**31 for one in values)


def _reply(model: str, result: EmbedResult, as_base64: bool) -> bytes:
    vectors: Sequence[msgspec.Raw | str] = _base64(result) if as_base64 else encoded(result)
    entries = [EmbeddingEntry("embedding", one, index) for index, one in enumerate(vectors)]
    tokens = result.usage.prompt_tokens
    return encode(EmbeddingList("list", entries, model, EmbeddingUsage(tokens, tokens)))


def _base64(result: EmbedResult) -> list[str]:
    size = max(1, result.dimensions * FLOAT_BYTES)
    data = result.vectors
    return [
        base64.b64encode(data[start : start + size]).decode() for start in range(0, len(data), size)
    ]
