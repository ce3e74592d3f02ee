"""POST /api/tokenize, /api/detokenize and /api/apply_template: what a model sees. Event loop.

Beyond Ollama; the first two after llama.cpp's server.
"""

from typing import ClassVar

import msgspec
from fastapi import APIRouter, Request
from pydantic import Field

from api.ollama.messages import engine_messages
from api.ollama.references import local_name
from api.ollama.shapes import MessageBody
from api.ollama.values import Integer, JSONObject, KeepAlive, Think
from api.server.body import read_shape, request_body
from api.server.json_output import encode
from api.server.shapes import Shape
from api.server.single_answer import SingleAnswer
from engine.completion import ChatRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.inspection import InspectedModel, apply_template, detokenize, tokenize

MAX_TOKEN = 2**31


class _InspectionBody(Shape):
    """What the three have in common."""

    model: str = ""
    options: JSONObject = Field(default_factory=dict)
    keep_alive: KeepAlive = None


class TokenizeBody(_InspectionBody):
    """POST /api/tokenize."""

    go_name: ClassVar[str] = "TokenizeRequest"
    content: str = ""
    prompt: str = ""
    """Another name for `content`."""
    add_special: bool = False
    """Also the tokens that the model wants around a prompt, such as BOS."""


class DetokenizeBody(_InspectionBody):
    """POST /api/detokenize."""

    go_name: ClassVar[str] = "DetokenizeRequest"
    tokens: list[Integer] = Field(default_factory=list)


class ApplyTemplateBody(_InspectionBody):
    """POST /api/apply_template."""

    go_name: ClassVar[str] = "ApplyTemplateRequest"
    messages: list[MessageBody] = Field(default_factory=list)
    tools: list[JSONObject] = Field(default_factory=list)
    think: Think = None


class TokensReply(msgspec.Struct):
    """Answer of /api/tokenize."""

    tokens: tuple[int, ...]
    count: int


class ContentReply(msgspec.Struct):
    """Answer of /api/detokenize."""

    content: str


class PromptReply(msgspec.Struct):
    """Answer of /api/apply_template."""

    prompt: str


def inspection_router(engine: Engine) -> APIRouter:
    """The three routes."""
    router = APIRouter()

    @router.post("/api/tokenize", openapi_extra=request_body(TokenizeBody))
    async def tokenize_text(request: Request) -> SingleAnswer:
        """The model's tokens of a text. Control tokens written in it count as such."""
        body = await read_shape(request, TokenizeBody)
        model, text = _model(body), body.content or body.prompt

        async def work() -> bytes:
            tokens = await tokenize(engine, model, text, add_special=body.add_special)
            return encode(TokensReply(tokens, len(tokens)))

        return SingleAnswer(work)

    @router.post("/api/detokenize", openapi_extra=request_body(DetokenizeBody))
    async def detokenize_tokens(request: Request) -> SingleAnswer:
        """The text of some tokens."""
        body = await read_shape(request, DetokenizeBody)
        if not all(0 <= token < MAX_TOKEN for token in body.tokens):
            raise InvalidRequestError("tokens must be the numbers of tokens")
        model = _model(body)

        async def work() -> bytes:
            return encode(ContentReply(await detokenize(engine, model, tuple(body.tokens))))

        return SingleAnswer(work)

    @router.post("/api/apply_template", openapi_extra=request_body(ApplyTemplateBody))
    async def render_prompt(request: Request) -> SingleAnswer:
        """The prompt that a chat with these messages would begin with."""
        body = await read_shape(request, ApplyTemplateBody)
        model = _model(body)
        chat = ChatRequest(
            model.name,
            engine_messages(body.messages),
            tools=tuple(body.tools),
            options=model.options,
            think=body.think,
            keep_alive=model.keep_alive,
        )

        async def work() -> bytes:
            return encode(PromptReply(await apply_template(engine, chat)))

        return SingleAnswer(work)

    return router


def _model(body: _InspectionBody) -> InspectedModel:
    name = local_name(body.model)
    if not name:
        raise InvalidRequestError("model is required")
    return InspectedModel(name, body.options, body.keep_alive)
