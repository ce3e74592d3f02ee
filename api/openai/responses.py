"""/v1/responses (spec 1.15): a thin translation onto the engine's chat, and what is remembered."""

from typing import Any

import fastapi
from fastapi import APIRouter, Request

from api.ollama.references import local_name
from api.openai.effort import read_effort
from api.openai.responses_body import ResponsesBody, TextFormat
from api.openai.responses_input import input_messages
from api.openai.responses_items import DeletedResponse, begun_response
from api.openai.responses_state import ResponseStore, StoredResponse
from api.openai.responses_stream import ResponseTranslator
from api.openai.responses_tools import response_tools, tool_choice
from api.openai.text_format import read_format
from api.server.body import read_shape, request_body
from api.server.errors import RequestError
from api.server.json_output import encode
from api.server.logprobs import check_top_logprobs
from api.server.priority import read_priority
from api.server.streaming import Answer, JSONAnswer
from api.server.unsupported import refuse_unsupported
from engine.completion import ChatRequest
from engine.engine import Engine
from engine.errors import InvalidRequestError
from engine.frames import Constraint
from engine.library.gotext import quote
from engine.prompt.messages import Message

_LOGPROBS = "message.output_text.logprobs"


def responses_router(engine: Engine) -> APIRouter:
    """The route that agents talk to, and those for the responses it remembers."""
    router = APIRouter()
    store = ResponseStore()

    @router.post("/v1/responses", openapi_extra=request_body(ResponsesBody))
    async def responses(request: Request) -> Answer:
        """Continue a conversation. Streams server-sent events if `stream` is true."""
        _refuse_encoding(request)
        body = await read_shape(request, ResponsesBody)
        check_top_logprobs(body.top_logprobs)
        conversation = _conversation(body, store)
        system = (Message("system", body.instructions),) if body.instructions else ()
        chat = ChatRequest(
            model=_required_name(body),
            messages=system + conversation,
            tools=response_tools(body.tools),
            tool_choice=tool_choice(body.tool_choice),
            parallel_tool_calls=body.parallel_tool_calls is not False,
            options=_options(body),
            think=read_effort(body.reasoning.effort),
            constraint=_constraint(body.text.format),
            top_logprobs=body.top_logprobs
            if body.top_logprobs or _LOGPROBS in body.include
            else None,
            priority=read_priority(request),
        )
        await refuse_unsupported(
            engine,
            chat.model,
            {
                "image_url": any(message.images for message in conversation),
                "conversation": body.conversation,
                "prompt": body.prompt,
            },
        )
        response = begun_response(body)

        def keep(reply: bytes, answer: Message) -> None:
            if body.store:
                store.put(response.id, StoredResponse(reply, (*conversation, answer)))

        return Answer(engine.chat(chat), ResponseTranslator(response, keep), stream=body.stream)

    @router.get("/v1/responses/{response_id}")
    async def stored_response(response_id: str) -> fastapi.Response:
        """A response that was not too long ago."""
        return JSONAnswer(store.find(response_id).body)

    @router.delete("/v1/responses/{response_id}")
    async def delete_response(response_id: str) -> fastapi.Response:
        """Forget a response. Those that continue it stay."""
        store.delete(response_id)
        return JSONAnswer(encode(DeletedResponse(response_id)))

    return router


def _refuse_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise RequestError(
            415, f"Content-Encoding {quote(encoding)} is not supported: send the body uncompressed"
        )


def _conversation(body: ResponsesBody, store: ResponseStore) -> tuple[Message, ...]:
    """What was said before, and what is said now. Raises InvalidRequestError, RequestError."""
    previous = body.previous_response_id
    past = store.find_previous(previous).messages if previous else ()
    messages = past + input_messages(body.input, past)
    if not messages:
        raise InvalidRequestError('one of "input" or "previous_response_id" must be provided')
    return messages


def _required_name(body: ResponsesBody) -> str:
    name = local_name(body.model)
    if not name:
        raise InvalidRequestError("model is required")
    return name


def _constraint(wanted: TextFormat) -> Constraint | None:
    schema = wanted.schema_
    return read_format(wanted, schema, field="text.format", schema_field="text.format.schema")


def _options(body: ResponsesBody) -> dict[str, Any]:
    """An absent temperature is 1.0, whatever the model's own default (spec 1.15)."""
    options: dict[str, Any] = {
        "num_predict": body.max_output_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "num_ctx": body.num_ctx,
    }
    given = {name: value for name, value in options.items() if value is not None}
    return {"temperature": 1.0, **body.options, **given}
