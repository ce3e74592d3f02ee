"""POST /api/embed and the older /api/embeddings (spec 1.7, 1.8). Event loop."""

import asyncio

import msgspec
from fastapi import APIRouter, Request

from api.ollama.embedding_shapes import EmbedBody, EmbeddingsBody
from api.ollama.references import local_name
from api.server.body import read_shape, request_body
from api.server.errors import RequestError
from api.server.float_output import encode_vectors
from api.server.json_output import encode
from api.server.observation import observation_of
from api.server.single_answer import SingleAnswer
from api.server.streaming import Answer
from engine.embedding import EmbedRequest, EmbedResult, embed
from engine.engine import Engine
from engine.errors import CapabilityError, InvalidRequestError, ModelNotFoundError
from engine.library.errors import InvalidNameError
from engine.library.gotext import quote


class DroppedTokens(msgspec.Struct):
    """What of the inputs the model did not see because it did not fit the context."""

    dropped_tokens: int


class EmbedReply(msgspec.Struct, omit_defaults=True):
    """The answer of /api/embed. Numbers that are 0 are left out."""

    model: str
    embeddings: list[msgspec.Raw]
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_truncated: DroppedTokens | None = None


class EmbeddingsReply(msgspec.Struct):
    """The answer of /api/embeddings."""

    embedding: msgspec.Raw


def embeddings_router(engine: Engine) -> APIRouter:
    """The two routes that make vectors."""
    router = APIRouter()

    @router.post("/api/embed", openapi_extra=request_body(EmbedBody))
    async def embed_route(request: Request) -> Answer:
        """Turn one or many texts into vectors of length 1."""
        body = await read_shape(request, EmbedBody)
        name = local_name(body.model)
        if not name:
            raise ModelNotFoundError(body.model)
        wanted = EmbedRequest(
            model=name,
            inputs=_texts(body.input),
            truncate=body.truncate,
            dimensions=body.dimensions,
            options=body.options,
            keep_alive=body.keep_alive,
        )

        async def work() -> bytes:
            result = await embed_found(engine, wanted)
            observation_of(request.scope).note_prompt(result.usage.prompt_tokens)
            return await asyncio.to_thread(_embed_reply, body.model, result)

        return SingleAnswer(work)

    @router.post("/api/embeddings", openapi_extra=request_body(EmbeddingsBody))
    async def embeddings_route(request: Request) -> Answer:
        """Turn one text into a vector; superseded by /api/embed."""
        body = await read_shape(request, EmbeddingsBody)
        name = local_name(body.model)
        if not name:
            raise InvalidRequestError("model is required")
        wanted = EmbedRequest(
            model=name,
            inputs=(body.prompt,) if body.prompt else (),
            truncate=False,
            normalize=None,
            options=body.options,
            keep_alive=body.keep_alive,
        )

        async def work() -> bytes:
            try:
                result = await embed_found(engine, wanted)
            except (CapabilityError, InvalidNameError):
                raise
            except InvalidRequestError as exc:
                raise RequestError(500, str(exc).strip()) from exc
            observation_of(request.scope).note_prompt(result.usage.prompt_tokens)
            return encode(EmbeddingsReply((encoded(result) or [msgspec.Raw(b"[]")])[0]))

        return SingleAnswer(work)

    return router


async def embed_found(engine: Engine, request: EmbedRequest) -> EmbedResult:
    """`embed`, with the words that these routes have for a missing model (spec 1.4)."""
    try:
        return await embed(engine.library, engine.scheduler, request)
    except ModelNotFoundError as exc:
        text = f"model {quote(request.model)} not found, try pulling it first"
        raise RequestError(404, text) from exc


def encoded(result: EmbedResult) -> list[msgspec.Raw]:
    """The vectors as JSON arrays."""
    if not result.vectors:
        return []
    return [msgspec.Raw(row) for row in encode_vectors(result.vectors, result.dimensions)]


def _texts(value: object) -> tuple[str, ...]:
    """An empty text on its own stands for nothing; among others it is a text."""
    match value:
        case None | "":
            return ()
        case str():
            return (value,)
        case list() if all(isinstance(text, str) for text in value):
            return tuple(value)
        case _:
            raise InvalidRequestError("invalid input type")


def _embed_reply(model: str, result: EmbedResult) -> bytes:
    usage = result.usage
    return encode(
        EmbedReply(
            model,
            encoded(result),
            usage.total_duration,
            usage.load_duration,
            usage.prompt_tokens,
            DroppedTokens(usage.dropped_tokens) if usage.dropped_tokens else None,
        )
    )
