"""POST /v1/messages and /v1/messages/count_tokens (spec 1.16). Event loop."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
from fastapi import APIRouter, Request

from api.anthropic.messages import engine_messages
from api.anthropic.replies import MessageTranslator, estimate_tokens
from api.anthropic.shapes import CountTokensBody, FormatBody, MessagesBody
from api.anthropic.tools import engine_tool_choice, engine_tools
from api.ollama.references import local_name
from api.server.body import read_shape, request_body
from api.server.formats import schema_constraint
from api.server.json_output import encode
from api.server.priority import read_priority
from api.server.single_answer import SingleAnswer
from api.server.streaming import Answer
from api.server.unsupported import refuse_unsupported
from engine.completion import ChatRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.frames import Constraint
from engine.inspection import InspectedModel, apply_template, tokenize
from engine.library.gotext import quote

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}


class TokenCount(msgspec.Struct):
    """Answer of /v1/messages/count_tokens."""

    input_tokens: int


def messages_router(engine: Engine) -> APIRouter:
    """The two routes."""
    router = APIRouter()

    @router.post("/v1/messages", openapi_extra=request_body(MessagesBody))
    async def messages(request: Request) -> Answer:
        """Continue a conversation. Streams server-sent events if `stream` is true."""
        body = await read_shape(request, MessagesBody)
        _require_name(body)
        if body.max_tokens <= 0:
            raise InvalidRequestError("max_tokens is required and must be positive")
        chat = replace(
            await _chat(engine, body),
            options=_options(body),
            constraint=_constraint(body.output_config.format),
            priority=read_priority(request),
        )
        translator = MessageTranslator(body.model, estimate_tokens(chat))
        return Answer(engine.chat(chat), translator, stream=body.stream)

    @router.post("/v1/messages/count_tokens", openapi_extra=request_body(CountTokensBody))
    async def count_tokens(request: Request) -> SingleAnswer:
        """How many tokens a conversation is, for the model that is named."""
        body = await read_shape(request, CountTokensBody)
        _require_name(body)
        chat = await _chat(engine, body)

        async def work() -> bytes:
            prompt = await apply_template(engine, chat)
            model = InspectedModel(chat.model)
            tokens = await tokenize(engine, model, prompt, add_special=True)
            return encode(TokenCount(len(tokens)))

        return SingleAnswer(work)

    return router


def _require_name(body: CountTokensBody) -> None:
    if not local_name(body.model):
        raise InvalidRequestError("model is required")


async def _chat(engine: Engine, body: CountTokensBody) -> ChatRequest:
    """What both routes have in common. Raises EngineErrors."""
    if not body.messages:
        raise InvalidRequestError("messages is required")
    name = local_name(body.model)
    chat = ChatRequest(
        name,
        engine_messages(body.system, body.messages),
        tools=engine_tools(body.tools),
        tool_choice=engine_tool_choice(body.tool_choice),
        parallel_tool_calls=body.tool_choice.get("disable_parallel_tool_use") is not True,
        think=_think(body),
    )
    has_images = any(message.images for message in chat.messages)
    await refuse_unsupported(engine, name, {"images": has_images})
    if chat.think:
        model = await asyncio.to_thread(engine.library.get, name)
        if "thinking" not in model.capabilities:
            return replace(chat, think=None)  # these clients ask every model to think
    return chat


def _think(body: CountTokensBody) -> bool | str | None:
    effort = body.output_config.effort
    if effort and effort not in _EFFORTS:
        raise InvalidRequestError(
            f"invalid output_config.effort: {quote(effort)} "
            '(must be "low", "medium", "high", "xhigh", or "max")'
        )
    match body.thinking.type:
        case "enabled":
            return True
        case "disabled":
            return False
    return _EFFORTS.get(effort)


def _options(body: MessagesBody) -> dict[str, Any]:
    """What is absent stays as the model has it (spec 1.16)."""
    options = {
        "num_predict": body.max_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "top_k": body.top_k,
        "stop": body.stop_sequences or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _constraint(wanted: FormatBody | None) -> Constraint | None:
    if wanted is None:
        return None
    if wanted.type != "json_schema":
        raise InvalidRequestError(f"invalid output_config.format type: {quote(wanted.type)}")
    if not isinstance(wanted.schema_, dict):
        raise InvalidRequestError("output_config.format.schema must be an object")
    return schema_constraint(wanted.schema_)
