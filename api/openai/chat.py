"""POST /v1/chat/completions (spec 1.15): a thin translation onto the engine's chat."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from api.ollama.references import local_name
from api.openai.effort import read_effort
from api.openai.logit_bias import read_logit_bias
from api.openai.messages import engine_messages, has_part
from api.openai.replies import ChatCompletionTranslator
from api.openai.shapes import ChatCompletionBody, ResponseFormat
from api.openai.text_format import read_format
from api.server.body import read_shape, request_body
from api.server.logprobs import check_top_logprobs
from api.server.priority import read_priority
from api.server.streaming import Answer
from api.server.tools import read_tools
from api.server.unsupported import refuse_unsupported
from engine.candidates import SEED_RANGE, side_by_side
from engine.completion import ChatRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.frames import Constraint

MAX_CHOICES = 128
"""Most answers to one request."""


def chat_router(engine: Engine) -> APIRouter:
    """The route that editors talk to."""
    router = APIRouter()

    @router.post("/v1/chat/completions", openapi_extra=request_body(ChatCompletionBody))
    async def chat_completions(request: Request) -> Answer:
        """Continue a conversation. Streams server-sent events if `stream` is true."""
        body = await read_shape(request, ChatCompletionBody)
        check_top_logprobs(body.top_logprobs)
        if not body.messages:
            raise InvalidRequestError("[] is too short - 'messages'")
        chat = ChatRequest(
            model=_required_name(body),
            messages=engine_messages(body.messages),
            tools=read_tools(body.tools),
            tool_choice=_tool_choice(body.tool_choice),
            parallel_tool_calls=body.parallel_tool_calls is not False,
            options=_options(body),
            think=read_effort(body.reasoning.effort or body.reasoning_effort),
            constraint=_constraint(body.response_format),
            top_logprobs=body.top_logprobs if body.logprobs else None,
            logit_bias=read_logit_bias(body.logit_bias),
            priority=read_priority(request),
        )
        await refuse_unsupported(engine, chat.model, _later_fields(body))
        translator = ChatCompletionTranslator(
            body.model, include_usage=body.stream_options.include_usage, num_choices=body.n
        )
        answers = [engine.chat(one) for one in _candidates(chat, body.n)]
        return Answer(side_by_side(answers), translator, stream=body.stream)

    return router


def _candidates(chat: ChatRequest, count: int) -> list[ChatRequest]:
    """The same request, but no two with the same seed. The runner evaluates the prompt once."""
    if not 1 <= count <= MAX_CHOICES:
        raise InvalidRequestError(f"n must be between 1 and {MAX_CHOICES}")
    seed = chat.options.get("seed")
    if count == 1 or not isinstance(seed, int) or seed < 0:
        return [chat] * count
    seeds = [(seed + index) % SEED_RANGE for index in range(count)]
    return [replace(chat, options={**chat.options, "seed": one}) for one in seeds]


def _required_name(body: ChatCompletionBody) -> str:
    name = local_name(body.model)
    if not name:
        raise InvalidRequestError("model is required")
    return name


def _later_fields(body: ChatCompletionBody) -> dict[str, object]:
    return {
        "image_url": has_part(body.messages, "image_url"),
        "input_audio": has_part(body.messages, "input_audio"),
    }


def _tool_choice(wanted: object) -> str:
    """As the engine names it. Raises InvalidRequestError."""
    match wanted:
        case None | "":
            return "auto"
        case "auto" | "none" | "required":
            return str(wanted)
        case {"type": "function", "function": {"name": str(name)}} if name:
            return name
    raise InvalidRequestError(
        'tool_choice must be "auto", "none", "required" or '
        '{"type": "function", "function": {"name": "..."}}'
    )


def _constraint(wanted: ResponseFormat) -> Constraint | None:
    schema = wanted.json_schema.schema_ if wanted.json_schema else None
    return read_format(
        wanted, schema, field="response_format", schema_field="response_format.json_schema.schema"
    )


def _options(body: ChatCompletionBody) -> dict[str, Any]:
    """Absent temperature and top_p are 1.0, whatever the model's own defaults (spec 1.15)."""
    options: dict[str, Any] = {
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
        "seed": body.seed,
        "num_predict": body.max_tokens
        if body.max_tokens is not None
        else body.max_completion_tokens,
    }
    if isinstance(body.stop, str):
        options["stop"] = [body.stop]
    elif isinstance(body.stop, list):
        options["stop"] = [text for text in body.stop if isinstance(text, str)]
    return {name: value for name, value in options.items() if value is not None}
