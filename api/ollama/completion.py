"""POST /api/generate and /api/chat (spec 1.5, 1.6). Event loop."""

from fastapi import APIRouter, Request

from api.ollama.messages import engine_messages
from api.ollama.references import local_name
from api.ollama.replies import ChatTranslator, GenerateTranslator
from api.ollama.shapes import ChatBody, GenerateBody
from api.server.body import read_shape, request_body
from api.server.formats import parse_format
from api.server.logprobs import check_top_logprobs
from api.server.priority import read_priority
from api.server.streaming import Answer
from api.server.tools import read_tools
from api.server.unsupported import refuse_unsupported
from engine.completion import ChatRequest, GenerateRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError, ModelNotFoundError


def completion_router(engine: Engine) -> APIRouter:
    """The two routes that run a model."""
    router = APIRouter()

    @router.post("/api/generate", openapi_extra=request_body(GenerateBody))
    async def generate(request: Request) -> Answer:
        """Complete a prompt. Streams NDJSON unless `stream` is false."""
        body = await read_shape(request, GenerateBody)
        check_top_logprobs(body.top_logprobs)
        constraint = parse_format(body.format)
        name = local_name(body.model)
        if not name:
            raise ModelNotFoundError(body.model)
        await refuse_unsupported(engine, name, {"images": body.images})
        events = engine.generate(
            GenerateRequest(
                model=name,
                prompt=body.prompt,
                suffix=body.suffix,
                system=body.system or None,
                template=body.template,
                raw=body.raw,
                context=tuple(body.context),
                options=body.options,
                think=body.think,
                keep_alive=body.keep_alive,
                truncate=body.truncate,
                shift=body.shift,
                render_only=body.debug_render_only,
                constraint=constraint,
                top_logprobs=body.top_logprobs if body.logprobs else None,
                priority=read_priority(request),
            )
        )
        return Answer(events, GenerateTranslator(body.model), stream=body.stream)

    @router.post("/api/chat", openapi_extra=request_body(ChatBody))
    async def chat(request: Request) -> Answer:
        """Continue a conversation. Streams NDJSON unless `stream` is false."""
        body = await read_shape(request, ChatBody)
        check_top_logprobs(body.top_logprobs)
        constraint = parse_format(body.format)
        name = local_name(body.model)
        if not name:
            raise InvalidRequestError("model is required")
        images = any(message.images for message in body.messages)
        await refuse_unsupported(engine, name, {"images": images})
        events = engine.chat(
            ChatRequest(
                model=name,
                messages=engine_messages(body.messages),
                tools=read_tools(body.tools),
                options=body.options,
                think=body.think,
                keep_alive=body.keep_alive,
                truncate=body.truncate,
                shift=body.shift,
                render_only=body.debug_render_only,
                constraint=constraint,
                top_logprobs=body.top_logprobs if body.logprobs else None,
                priority=read_priority(request),
            )
        )
        return Answer(events, ChatTranslator(body.model), stream=body.stream)

    return router
