"""Request bodies of the OpenAI dialect (spec 1.15). Values only."""

from typing import Any, ClassVar

from pydantic import Field

from api.ollama.values import Integer, JSONObject
from api.server.shapes import Shape


class StreamOptions(Shape):
    """What a stream carries besides text."""

    go_name: ClassVar[str] = "StreamOptions"
    include_usage: bool = False


class Reasoning(Shape):
    """How much to think."""

    go_name: ClassVar[str] = "Reasoning"
    effort: str = ""


class SchemaFormat(Shape):
    """A JSON Schema and what it is called. `strict` changes nothing: schemas are always kept."""

    go_name: ClassVar[str] = "JsonSchema"
    name: str = ""
    schema_: Any = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(Shape):
    """The form that the answer's text must have."""

    go_name: ClassVar[str] = "ResponseFormat"
    type: str = ""
    json_schema: SchemaFormat | None = None
    regex: str | None = None
    lark: str | None = None
    gbnf: str | None = None


class CalledFunction(Shape):
    """The function of a tool call. `arguments` is JSON in a string."""

    go_name: ClassVar[str] = "Function"
    name: str = ""
    arguments: str = ""


class ToolCallPart(Shape):
    """A tool call in a conversation's past."""

    go_name: ClassVar[str] = "ToolCall"
    id: str = ""
    function: CalledFunction = CalledFunction()


class ChatMessage(Shape):
    """One message."""

    go_name: ClassVar[str] = "Message"
    role: str = ""
    content: Any = None
    reasoning: str = ""
    tool_calls: list[ToolCallPart] = Field(default_factory=list)
    name: str = ""
    tool_call_id: str = ""


class ChatCompletionBody(Shape):
    """POST /v1/chat/completions."""

    go_name: ClassVar[str] = "ChatCompletionRequest"
    model: str = ""
    messages: list[ChatMessage] = Field(default_factory=list)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: Integer | None = None
    max_completion_tokens: Integer | None = None
    seed: Integer | None = None
    stop: Any = None
    temperature: float | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    reasoning: Reasoning = Reasoning()
    reasoning_effort: str = ""
    response_format: ResponseFormat = ResponseFormat()
    tools: list[JSONObject] = Field(default_factory=list)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    n: Integer = 1
    logprobs: bool = False
    top_logprobs: Integer = 0
    logit_bias: JSONObject = Field(default_factory=dict)
