"""The wire shapes of the native dialect as the client sends and reads them (spec 1.5 to 1.13).

Unknown fields are ignored and missing ones have defaults, so that older and newer servers work.
Durations are nanoseconds, sizes bytes, times RFC 3339 parsed into aware datetimes.
"""

from datetime import datetime
from typing import Any

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of request bodies: what is at its default is not sent."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Base of answers."""


class VersionReply(Reply, frozen=True, kw_only=True):
    """GET /api/version. `corral` is empty when the server is another program."""

    version: str
    corral: str = ""


class ModelDetails(Reply, frozen=True, kw_only=True):
    """What kind of model it is. Texts are empty when unknown."""

    parent_model: str = ""
    format: str = ""
    family: str = ""
    families: list[str] | None = None
    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int = 0
    embedding_length: int = 0


class ModelSummary(Reply, frozen=True, kw_only=True):
    """A model on the disk (GET /api/tags)."""

    name: str
    model: str = ""
    remote_model: str = ""
    remote_host: str = ""
    modified_at: datetime | None = None
    size: int = 0
    digest: str = ""
    details: ModelDetails = ModelDetails()
    capabilities: list[str] | None = None


class RunningModel(Reply, frozen=True, kw_only=True):
    """A model in memory (GET /api/ps)."""

    name: str
    model: str = ""
    size: int = 0
    digest: str = ""
    details: ModelDetails = ModelDetails()
    expires_at: datetime | None = None
    size_vram: int = 0
    context_length: int = 0


class ModelList(Reply, frozen=True, kw_only=True):
    """The answer of /api/tags."""

    models: list[ModelSummary] | None = None


class RunningList(Reply, frozen=True, kw_only=True):
    """The answer of /api/ps."""

    models: list[RunningModel] | None = None


class FunctionCall(Reply, frozen=True, kw_only=True):
    """The function of a tool call and its arguments."""

    name: str
    arguments: dict[str, Any] = {}
    index: int = 0


class ToolCall(Request, frozen=True, kw_only=True):
    """A call that the model asked for."""

    function: FunctionCall
    id: str = ""


class ChatMessage(Request, frozen=True, kw_only=True):
    """One message of a chat, in requests and in answers."""

    role: str
    content: str | None = None
    thinking: str = ""
    images: list[bytes] | None = None
    """Encoded as base64 on the wire."""
    tool_calls: list[ToolCall] | None = None
    tool_name: str = ""
    tool_call_id: str = ""


class TensorSummary(Reply, frozen=True, kw_only=True):
    """A tensor of the weights."""

    name: str
    type: str = ""
    shape: list[int] | None = None


class ShowReply(Reply, frozen=True, kw_only=True):
    """All about one model (POST /api/show, spec 1.9)."""

    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    messages: list[ChatMessage] | None = None
    remote_model: str = ""
    remote_host: str = ""
    capabilities: list[str] | None = None
    modified_at: datetime | None = None
    requires: str = ""
    projector_info: dict[str, Any] | None = None
    tensors: list[TensorSummary] | None = None
    model_info: dict[str, Any] | None = None
    details: ModelDetails = ModelDetails()


class GenerateBody(Request, frozen=True, kw_only=True):
    """POST /api/generate. An empty prompt loads the model."""

    model: str
    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] | None = None
    raw: bool = False
    format: Any = None
    """ "json", or a JSON schema as a value."""
    keep_alive: float | str | None = None
    """Seconds or a Go duration such as "5m"; negative: for ever."""
    images: list[bytes] | None = None
    options: dict[str, Any] | None = None
    think: bool | str | None = None


class GenerateReply(Reply, frozen=True, kw_only=True):
    """One object of the stream of /api/generate. The last has `done` and the numbers."""

    model: str = ""
    response: str = ""
    thinking: str = ""
    done: bool = False
    done_reason: str = ""
    context: list[int] | None = None
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class ChatBody(Request, frozen=True, kw_only=True):
    """POST /api/chat. No messages: load the model."""

    model: str
    messages: list[ChatMessage] = []
    format: Any = None
    keep_alive: float | str | None = None
    tools: list[dict[str, Any]] | None = None
    options: dict[str, Any] | None = None
    think: bool | str | None = None


class ChatReply(Reply, frozen=True, kw_only=True):
    """One object of the stream of /api/chat. The last has `done` and the numbers."""

    model: str = ""
    message: ChatMessage = ChatMessage(role="assistant")
    done: bool = False
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class EmbedBody(Request, frozen=True, kw_only=True):
    """POST /api/embed. No input: load the model."""

    model: str
    input: list[str] = []
    truncate: bool = True
    dimensions: int = 0
    keep_alive: float | str | None = None
    options: dict[str, Any] | None = None


class EmbedReply(Reply, frozen=True, kw_only=True):
    """The answer of /api/embed: a vector for each input, in their order."""

    model: str = ""
    embeddings: list[list[float]] = []
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0


class CreateBody(Request, frozen=True, kw_only=True, rename={"from_": "from"}):
    """POST /api/create (spec 8). `files` and `adapters` map relative names to digests."""

    model: str
    from_: str = ""
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None
    template: str = ""
    license: list[str] | None = None
    system: str = ""
    parameters: dict[str, Any] | None = None
    messages: list[ChatMessage] | None = None
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    quantize: str = ""
    draft_quantize: str = ""


class ProgressReply(Reply, frozen=True, kw_only=True):
    """One object of the streams of /api/create and /api/pull. The last has status "success"."""

    status: str = ""
    digest: str = ""
    total: int = 0
    completed: int = 0


class PullBody(Request, frozen=True, kw_only=True):
    """POST /api/pull. `insecure`: over http, without encryption."""

    model: str
    insecure: bool = False


class UserReply(Reply, frozen=True, kw_only=True):
    """POST /api/me: who is signed in."""

    name: str
    email: str = ""
    plan: str = ""


class ErrorReply(Reply, frozen=True, kw_only=True):
    """The body of every error of the native dialect, and the error line of a stream."""

    error: str = ""
    signin_url: str = ""
