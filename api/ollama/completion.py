"""POST /api/generate and /api/chat (spec 1.5, 1.6). Event loop."""

from fastapi import APIRouter, Request

from api.ollama.messages import engine_messages
from api.ollama.references import local_name
from api.ollama.replies import ChatTranslator, GenerateTranslator
from api.ollama.shapes import ChatBody, GenerateBody, InferenceBody
from api.server.body import read_shape, request_body
from api.server.streaming import Answer
from api.server.unsupported import refuse_unsupported
from engine.completion import ChatRequest, GenerateRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError, ModelNotFoundError

MAX_TOP_LOGPROBS = 20


def completion_router(engine: Engine) -> APIRouter:
    """The two routes that run a model."""
    router = APIRouter()

    @router.post("/api/generate", openapi_extra=request_body(GenerateBody))
    async def generate(request: Request) -> Answer:
        """Complete a prompt. Streams NDJSON unless `stream` is false."""
        body = await read_shape(request, GenerateBody)
        _check_top_logprobs(body)
        name = local_name(body.model)
        if not name:
            raise ModelNotFoundError(body.model)
        fields = _later_fields(body) | {"images": body.images}
        await refuse_unsupported(engine, name, fields)
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
            )
        )
        return Answer(events, GenerateTranslator(body.model), stream=body.stream)

    @router.post("/api/chat", openapi_extra=request_body(ChatBody))
    async def chat(request: Request) -> Answer:
        """Continue a conversation. Streams NDJSON unless `stream` is false."""
        body = await read_shape(request, ChatBody)
        _check_top_logprobs(body)
        name = local_name(body.model)
        if not name:
            raise InvalidRequestError("model is required")
        images = any(message.images for message in body.messages)
        fields = _later_fields(body) | {"tools": body.tools, "images": images}
        await refuse_unsupported(engine, name, fields)
        events = engine.chat(
            ChatRequest(
                model=name,
                messages=engine_messages(body.messages),
                options=body.options,
                think=body.think,
                keep_alive=body.keep_alive,
                truncate=body.truncate,
                shift=body.shift,
                render_only=body.debug_render_only,
            )
        )
        return Answer(events, ChatTranslator(body.model), stream=body.stream)

    return router


def _check_top_logprobs(body: InferenceBody) -> None:
    if not 0 <= body.top_logprobs <= MAX_TOP_LOGPROBS:
        raise InvalidRequestError(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")


def _later_fields(body: InferenceBody) -> dict[str, object]:
    return {"format": body.format, "logprobs": body.logprobs, "top_logprobs": body.top_logprobs}
