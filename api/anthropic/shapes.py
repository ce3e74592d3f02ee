"""Request bodies of the Anthropic dialect (spec 1.16). Values only."""

from typing import Any, ClassVar

from pydantic import Field

from api.ollama.values import Integer, JSONObject
from api.server.shapes import Shape


class ThinkingBody(Shape):
    """Whether to think. Its `budget_tokens` changes nothing."""

    go_name: ClassVar[str] = "ThinkingConfig"
    type: str = ""


class FormatBody(Shape):
    """The form that the answer's text must have: `json_schema`."""

    go_name: ClassVar[str] = "OutputFormat"
    type: str = ""
    schema_: Any = Field(default=None, alias="schema")


class OutputConfig(Shape):
    """How much to think, unless `thinking` says so; and the form of the answer."""

    go_name: ClassVar[str] = "OutputConfig"
    effort: str = ""
    format: FormatBody | None = None


class ToolBody(Shape):
    """A tool. `type` is set for those that Anthropic defines."""

    go_name: ClassVar[str] = "Tool"
    type: str = ""
    name: str = ""
    description: str = ""
    input_schema: Any = None


class MessageBody(Shape):
    """One message: a text, or a list of blocks."""

    go_name: ClassVar[str] = "MessageParam"
    role: str = ""
    content: Any = None


class CountTokensBody(Shape):
    """POST /v1/messages/count_tokens."""

    go_name: ClassVar[str] = "CountTokensRequest"
    model: str = ""
    messages: list[MessageBody] = Field(default_factory=list)
    system: Any = None
    tools: list[ToolBody] = Field(default_factory=list)
    tool_choice: JSONObject = Field(default_factory=dict)
    thinking: ThinkingBody = ThinkingBody()
    output_config: OutputConfig = OutputConfig()


class MessagesBody(CountTokensBody):
    """POST /v1/messages."""

    go_name: ClassVar[str] = "MessagesRequest"
    max_tokens: Integer = 0
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: Integer | None = None
    stop_sequences: list[str] = Field(default_factory=list)
