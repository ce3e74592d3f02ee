"""POST /api/rerank and /v1/rerank, in the shape that Jina and Cohere share. Event loop."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request

from api.ollama.embedding_shapes import RerankBody
from api.ollama.references import local_name
from api.server.body import read_shape, request_body
from api.server.json_output import encode
from api.server.observation import observation_of
from api.server.single_answer import SingleAnswer
from api.server.streaming import Answer
from engine.embedding import RerankRequest, RerankResult, rerank
from engine.engine import Engine
from engine.errors import InvalidRequestError


class Document(msgspec.Struct):
    """A document of the request."""

    text: str


class RankedDocument(msgspec.Struct, omit_defaults=True):
    """A document's place in the request and its score, 0 to 1."""

    index: int
    relevance_score: float
    document: Document | None = None


class RerankUsage(msgspec.Struct):
    """Tokens of one request, the query counted with each document."""

    prompt_tokens: int
    total_tokens: int


class RerankReply(msgspec.Struct):
    """The answer: the best document first."""

    model: str
    object: str
    results: list[RankedDocument]
    usage: RerankUsage


def rerank_router(engine: Engine) -> APIRouter:
    """One route with two names."""
    router = APIRouter()

    async def rerank_route(request: Request) -> Answer:
        """Order documents by how well they answer a query."""
        body = await read_shape(request, RerankBody)
        name = local_name(body.model)
        if not name:
            raise InvalidRequestError("model is required")
        if not body.query:
            raise InvalidRequestError('"query" must be provided')
        if body.top_n is not None and body.top_n < 1:
            raise InvalidRequestError('"top_n" must be at least 1')
        documents = _texts(body.documents)
        wanted = RerankRequest(
            model=name,
            query=body.query,
            documents=documents,
            truncate=body.truncate,
            options=body.options,
            keep_alive=body.keep_alive,
        )

        async def work() -> bytes:
            result = await rerank(engine.library, engine.scheduler, wanted)
            observation_of(request.scope).note_prompt(result.usage.prompt_tokens)
            return _reply(body, documents, result)

        return SingleAnswer(work)

    for path in ("/api/rerank", "/v1/rerank"):
        router.post(path, openapi_extra=request_body(RerankBody))(rerank_route)
    return router


def _texts(values: list[Any]) -> tuple[str, ...]:
    texts = [value.get("text") if isinstance(value, dict) else value for value in values]
    known = [text for text in texts if isinstance(text, str)]
    if not texts or len(known) < len(texts):
        raise InvalidRequestError(
            '"documents" must be a list of strings, or of objects with a string "text", '
            "and not empty"
        )
    return tuple(known)


def _reply(body: RerankBody, documents: tuple[str, ...], result: RerankResult) -> bytes:
    results = [
        RankedDocument(
            one.index,
            one.score,
            Document(documents[one.index]) if body.return_documents else None,
        )
        for one in result.documents[: body.top_n]
    ]
    tokens = result.usage.prompt_tokens
    return encode(RerankReply(body.model, "list", results, RerankUsage(tokens, tokens)))
