"""What /v1/responses answers: the response object, its items, its events (spec 1.15)."""

import secrets
import time
from typing import Any, Literal

import msgspec

from api.openai.responses_body import ResponsesBody
from api.server.logprobs import LogprobItem
from api.server.truncation import PromptTruncated, prompt_truncated
from engine.completion import Metrics

Status = Literal["in_progress", "completed", "incomplete", "failed"]


class SummaryText(msgspec.Struct, tag_field="type", tag="summary_text"):
    """A piece of a summary; here the thinking itself."""

    text: str


class ReasoningItem(msgspec.Struct, tag_field="type", tag="reasoning"):
    """What the model thought. `encrypted_content` is the plain text, to be sent back."""

    id: str
    summary: list[SummaryText] = []
    encrypted_content: str = ""


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    """The text of a message."""

    text: str = ""
    annotations: list[Any] = []
    logprobs: list[LogprobItem] = []


class MessageItem(msgspec.Struct, tag_field="type", tag="message"):
    """What the model says."""

    id: str
    status: Status
    role: str
    content: list[OutputText] = []


class FunctionCallItem(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call; `arguments` is JSON in a string."""

    id: str
    status: Status
    call_id: str
    name: str
    arguments: str


OutputItem = ReasoningItem | MessageItem | FunctionCallItem


class InputTokensDetails(msgspec.Struct):
    """Where the prompt's tokens came from."""

    cached_tokens: int


class OutputTokensDetails(msgspec.Struct):
    """What the tokens were spent on. The engine does not count thoughts apart: always 0."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct):
    """Tokens of one request."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int
    prompt_truncated: PromptTruncated | msgspec.UnsetType = msgspec.UNSET
    """Beyond OpenAI: what the model did not see."""


class ResponseError(msgspec.Struct):
    """Why a response failed."""

    code: str
    message: str


class IncompleteDetails(msgspec.Struct):
    """Why a response ends early."""

    reason: str


class Response(msgspec.Struct, kw_only=True):
    """A response, finished or not."""

    id: str
    object: str = "response"
    created_at: int
    completed_at: int | None = None
    status: Status = "in_progress"
    incomplete_details: IncompleteDetails | None = None
    model: str
    previous_response_id: str | None
    instructions: str | None
    output: list[OutputItem] = []
    error: ResponseError | None = None
    tools: list[dict[str, Any]]
    tool_choice: str | dict[str, Any]
    truncation: str
    parallel_tool_calls: bool
    text: dict[str, Any]
    top_p: float | None
    """Null: the model's own."""
    presence_penalty: float = 0
    frequency_penalty: float = 0
    top_logprobs: int
    temperature: float
    reasoning: dict[str, str | None]
    usage: ResponseUsage | None = None
    max_output_tokens: int | None
    max_tool_calls: int | None = None
    store: bool
    background: bool
    service_tier: str = "default"
    metadata: dict[str, Any]
    safety_identifier: str | None
    prompt_cache_key: str | None


class ResponseEvent(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One event of a stream; which fields it has depends on its type."""

    type: str
    sequence_number: int | msgspec.UnsetType = msgspec.UNSET
    """From 0."""
    response: Response | msgspec.UnsetType = msgspec.UNSET
    output_index: int | msgspec.UnsetType = msgspec.UNSET
    item_id: str | msgspec.UnsetType = msgspec.UNSET
    item: OutputItem | msgspec.UnsetType = msgspec.UNSET
    summary_index: int | msgspec.UnsetType = msgspec.UNSET
    content_index: int | msgspec.UnsetType = msgspec.UNSET
    part: OutputText | msgspec.UnsetType = msgspec.UNSET
    delta: str | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    name: str | msgspec.UnsetType = msgspec.UNSET
    arguments: str | msgspec.UnsetType = msgspec.UNSET
    logprobs: list[LogprobItem] | msgspec.UnsetType = msgspec.UNSET


class DeletedResponse(msgspec.Struct):
    """Answer of DELETE /v1/responses/{id}."""

    id: str
    object: str = "response"
    deleted: bool = True


def new_id(prefix: str) -> str:
    """An id that nobody can guess."""
    return f"{prefix}_{secrets.token_hex(16)}"


def begun_response(body: ResponsesBody) -> Response:
    """The response to `body` before anything is generated."""
    choice = body.tool_choice
    return Response(
        id=new_id("resp"),
        created_at=int(time.time()),
        model=body.model,
        previous_response_id=body.previous_response_id or None,
        instructions=body.instructions or None,
        tools=body.tools,
        tool_choice=choice if choice and isinstance(choice, (str, dict)) else "auto",
        truncation=body.truncation,
        parallel_tool_calls=body.parallel_tool_calls is not False,
        text=body.text.model_dump(by_alias=True, exclude_none=True),
        top_p=body.top_p,
        top_logprobs=body.top_logprobs,
        temperature=1.0 if body.temperature is None else body.temperature,
        reasoning={
            "effort": body.reasoning.effort or None,
            "summary": body.reasoning.summary or None,
        },
        max_output_tokens=body.max_output_tokens,
        store=body.store,
        background=body.background,
        metadata=body.metadata,
        safety_identifier=body.safety_identifier,
        prompt_cache_key=body.prompt_cache_key,
    )


def response_usage(metrics: Metrics) -> ResponseUsage:
    """What a request took."""
    read, written = metrics.prompt_eval_count, metrics.eval_count
    return ResponseUsage(
        read,
        InputTokensDetails(metrics.cached_count),
        written,
        OutputTokensDetails(),
        read + written,
        prompt_truncated(metrics) or msgspec.UNSET,
    )
