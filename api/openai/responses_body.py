"""Request body of /v1/responses (spec 1.15). Values only."""

from typing import Any, ClassVar

from pydantic import Field

from api.ollama.values import Integer, JSONObject
from api.server.shapes import Shape


class ResponsesReasoning(Shape):
    """How much to think."""

    go_name: ClassVar[str] = "ResponsesReasoning"
    effort: str = ""
    summary: str = ""
    """Echoed only: thinking is always told whole."""


class TextFormat(Shape):
    """The form that the answer's text must have. `strict` changes nothing: schemas are kept."""

    go_name: ClassVar[str] = "ResponsesTextFormat"
    type: str = "text"
    name: str | None = None
    description: str | None = None
    schema_: Any = Field(default=None, alias="schema")
    strict: bool | None = None
    regex: str | None = None
    lark: str | None = None
    gbnf: str | None = None


class TextSettings(Shape):
    """What is asked of the answer's text."""

    go_name: ClassVar[str] = "ResponsesText"
    format: TextFormat = TextFormat()


class ResponsesBody(Shape):
    """POST /v1/responses."""

    go_name: ClassVar[str] = "ResponsesRequest"
    model: str = ""
    input: Any = None
    """Text, or a list of items."""
    instructions: str = ""
    previous_response_id: str = ""
    store: bool = True
    stream: bool = False
    max_output_tokens: Integer | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: Integer = 0
    include: list[str] = Field(default_factory=list)
    reasoning: ResponsesReasoning = ResponsesReasoning()
    text: TextSettings = TextSettings()
    tools: list[JSONObject] = Field(default_factory=list)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    options: JSONObject = Field(default_factory=dict)
    """Beyond OpenAI: options of the native dialect."""
    num_ctx: Integer | None = None
    """Beyond OpenAI: how many tokens the model keeps in mind."""
    truncation: str = "disabled"
    background: bool = False
    metadata: JSONObject = Field(default_factory=dict)
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    conversation: Any = None
    prompt: Any = None
