"""The ASGI application: routes, middleware and error handlers around one engine."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from api.anthropic.conversation import messages_router
from api.anthropic.shapes import CountTokensBody, MessagesBody
from api.ollama.account import account_router
from api.ollama.blobs import MAX_UPLOADS, blobs_router
from api.ollama.completion import completion_router
from api.ollama.create import create_router
from api.ollama.embedding_shapes import EmbedBody, EmbeddingsBody, RerankBody
from api.ollama.embeddings import embeddings_router
from api.ollama.inspection import (
    ApplyTemplateBody,
    DetokenizeBody,
    TokenizeBody,
    inspection_router,
)
from api.ollama.models import models_router
from api.ollama.pull import pull_router
from api.ollama.rerank import rerank_router
from api.ollama.shapes import (
    ChatBody,
    CopyBody,
    CreateBody,
    DeleteBody,
    GenerateBody,
    PullBody,
    ShowBody,
)
from api.openai.chat import chat_router
from api.openai.completion_body import CompletionBody
from api.openai.completions import completions_router
from api.openai.embedding_shapes import EmbeddingBody
from api.openai.embeddings import openai_embeddings_router
from api.openai.models import openai_models_router
from api.openai.responses import responses_router
from api.openai.responses_body import ResponsesBody
from api.openai.shapes import ChatCompletionBody
from api.server.activity import Activity, ActivityMiddleware
from api.server.body import BodyLimiter
from api.server.docs_page import docs_router
from api.server.documentation import describe_bodies
from api.server.errors import RequestError, describe_error, error_body
from api.server.figures import Figures
from api.server.gate import Gate
from api.server.metrics import metrics_router, requests_router
from api.server.observation import Observer
from api.server.request_log import RequestLog
from api.server.status import status_router
from api.server.streaming import JSONAnswer
from engine.engine import Engine
from engine.errors import EngineError
from engine.registry.account import Account
from engine.registry.pull import Puller

_BODIES = (
    ChatBody,
    ChatCompletionBody,
    CompletionBody,
    CopyBody,
    CountTokensBody,
    CreateBody,
    DeleteBody,
    GenerateBody,
    MessagesBody,
    PullBody,
    ResponsesBody,
    ShowBody,
)
_INSPECTION_BODIES = (ApplyTemplateBody, DetokenizeBody, TokenizeBody)
_VECTOR_BODIES = (EmbedBody, EmbeddingBody, EmbeddingsBody, RerankBody)

_ENGINE_ROUTERS = (
    chat_router,
    completions_router,
    responses_router,
    messages_router,
    inspection_router,
    embeddings_router,
    openai_embeddings_router,
    rerank_router,
)


@dataclass(frozen=True)
class ServerSettings:
    """What the application needs to know besides the engine."""

    version: str
    """The Ollama API level, for clients that check it."""
    corral_version: str
    host: str
    """The address the server listens on; the Host check depends on it."""
    port: int
    origins: tuple[str, ...] = ()
    """Further allowed origins (OLLAMA_ORIGINS)."""


def create_app(
    engine: Engine,
    settings: ServerSettings,
    *,
    puller: Puller | None = None,
    account: Account | None = None,
) -> FastAPI:
    """The application. It closes `engine` and `puller` when the server shuts down.

    Without `puller` and `account` their routes are missing: a server that keeps to itself.

    `app.state.activity` tells how busy the server is; `app.state.loop` is its event loop once it
    serves, for threads that want something done there. Raises InvalidOriginError for a bad
    pattern in `settings.origins`.
    """
    activity = Activity()
    figures, request_log = Figures(), RequestLog()
    uploads = ThreadPoolExecutor(MAX_UPLOADS, "upload")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.loop = asyncio.get_running_loop()
        yield
        if puller is not None:
            await puller.close()
        await engine.close()
        uploads.shutdown(wait=False, cancel_futures=True)

    # The documentation pages of FastAPI load scripts from elsewhere; a local server must not.
    app = FastAPI(
        title="Corral",
        version=settings.corral_version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.activity = activity
    app.include_router(status_router(settings.version, settings.corral_version))
    app.include_router(metrics_router(figures, activity, engine.scheduler, settings.corral_version))
    app.include_router(requests_router(request_log))
    app.include_router(docs_router())
    app.include_router(completion_router(engine))
    app.include_router(models_router(engine))
    app.include_router(blobs_router(engine.library, uploads, activity))
    app.include_router(create_router(engine.library))
    if puller is not None:
        app.include_router(pull_router(puller))
    if account is not None:
        app.include_router(account_router(account))
    for router in _ENGINE_ROUTERS:
        app.include_router(router(engine))
    app.include_router(openai_models_router(engine.library))
    app.add_exception_handler(EngineError, _answer_error)
    app.add_exception_handler(RequestError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_unrouted)
    describe_bodies(app, _BODIES + _VECTOR_BODIES + _INSPECTION_BODIES)
    # The last one added is the first to see a request.
    app.add_middleware(BodyLimiter)
    app.add_middleware(Gate, host=settings.host, origins=settings.origins)
    app.add_middleware(
        ActivityMiddleware, activity=activity, observer=Observer(figures, request_log)
    )
    return app


async def _answer_error(request: Request, error: Exception) -> Response:
    status, text = describe_error(error)
    return JSONAnswer(error_body(request.scope["path"], status, text), status)


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    """Paths and methods that no route has, in the words of Ollama's router."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = {404: "404 page not found", 405: "405 method not allowed"}.get(status, str(status))
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse(text, status, headers)
