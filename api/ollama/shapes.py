"""Request bodies of the native dialect (spec 1.5 to 1.13, 8). Values only."""

from typing import Any, ClassVar

from pydantic import Field

from api.ollama.values import ImageData, Integer, JSONObject, KeepAlive, Think
from api.server.shapes import Shape


class FunctionCallBody(Shape):
    """The function of a tool call."""

    go_name: ClassVar[str] = "ToolCallFunction"
    index: Integer = 0
    name: str = ""
    arguments: JSONObject = Field(default_factory=dict)


class ToolCallBody(Shape):
    """A tool call in a conversation's past."""

    go_name: ClassVar[str] = "ToolCall"
    id: str = ""
    function: FunctionCallBody = FunctionCallBody()


class MessageBody(Shape):
    """One message."""

    go_name: ClassVar[str] = "Message"
    role: str = ""
    content: str = ""
    thinking: str = ""
    images: list[ImageData] = Field(default_factory=list)
    tool_calls: list[ToolCallBody] = Field(default_factory=list)
    tool_name: str = ""
    tool_call_id: str = ""


class InferenceBody(Shape):
    """What /api/generate and /api/chat share."""

    model: str = ""
    stream: bool = True
    format: Any = None
    keep_alive: KeepAlive = None
    options: JSONObject = Field(default_factory=dict)
    think: Think = None
    truncate: bool = True
    shift: bool = True
    debug_render_only: bool = Field(default=False, alias="_debug_render_only")
    logprobs: bool = False
    top_logprobs: Integer = 0


class GenerateBody(InferenceBody):
    """POST /api/generate."""

    go_name: ClassVar[str] = "GenerateRequest"
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[Integer] = Field(default_factory=list)
    raw: bool = False
    images: list[ImageData] = Field(default_factory=list)


class ChatBody(InferenceBody):
    """POST /api/chat."""

    go_name: ClassVar[str] = "ChatRequest"
    messages: list[MessageBody] = Field(default_factory=list)
    tools: list[JSONObject] = Field(default_factory=list)


class ShowBody(Shape):
    """POST /api/show."""

    go_name: ClassVar[str] = "ShowRequest"
    model: str = ""
    name: str = ""
    system: str = ""
    verbose: bool = False
    options: JSONObject = Field(default_factory=dict)


class CopyBody(Shape):
    """POST /api/copy."""

    go_name: ClassVar[str] = "CopyRequest"
    source: str = ""
    destination: str = ""


class DeleteBody(Shape):
    """DELETE /api/delete."""

    go_name: ClassVar[str] = "DeleteRequest"
    model: str = ""
    name: str = ""


class PullBody(Shape):
    """POST /api/pull."""

    go_name: ClassVar[str] = "PullRequest"
    model: str = ""
    name: str = ""
    insecure: bool = False
    stream: bool = True


class CreateBody(Shape):
    """POST /api/create (spec 8)."""

    go_name: ClassVar[str] = "CreateRequest"
    model: str = ""
    name: str = ""
    stream: bool = True
    from_: str = Field(default="", alias="from")
    files: dict[str, str] = Field(default_factory=dict)
    adapters: dict[str, str] = Field(default_factory=dict)
    draft_files: dict[str, str] = Field(default_factory=dict)
    template: str = ""
    license: Any = None
    system: str = ""
    parameters: JSONObject = Field(default_factory=dict)
    messages: list[MessageBody] = Field(default_factory=list)
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    quantize: str = ""
    quantization: str = ""
    draft_quantize: str = ""
    remote_host: str = ""
    info: JSONObject = Field(default_factory=dict)
