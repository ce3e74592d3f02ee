"""What the routes answer, for the OpenAPI document. Read once, when somebody asks for it.

Most schemas come from the structs that the routes encode, so they cannot be wrong about them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from api.anthropic.conversation import TokenCount
from api.anthropic.replies import MessageReply
from api.ollama.create import ProgressReply
from api.ollama.details import Details, PsEntry, TagsEntry
from api.ollama.embeddings import EmbeddingsReply, EmbedReply
from api.ollama.inspection import ContentReply, PromptReply, TokensReply
from api.ollama.replies import ChatReply, GenerateReply
from api.ollama.rerank import RerankReply
from api.openai.completion_replies import TextCompletion
from api.openai.embeddings import EmbeddingList
from api.openai.models import ModelEntry, ModelList
from api.openai.replies import Chunk, Completion
from api.openai.responses_items import DeletedResponse, Response
from api.server.errors import AnthropicErrorReply, OpenAIError, is_anthropic_path
from api.server.request_log import RequestList
from engine.library.show import ShowTensor

REFERENCE = "#/components/schemas/{name}"
_JSON = "application/json"
_NDJSON = "application/x-ndjson"
_EVENTS = "text/event-stream"


class TagsReply(msgspec.Struct):
    """Answer of GET /api/tags."""

    models: list[TagsEntry]


class PsReply(msgspec.Struct):
    """Answer of GET /api/ps."""

    models: list[PsEntry]


class VersionReply(msgspec.Struct):
    """Answer of GET /api/version."""

    version: str
    corral: str


class CloudStatus(msgspec.Struct):
    """Whether cloud models can be used."""

    disabled: bool
    source: str


class StatusReply(msgspec.Struct):
    """Answer of GET /api/status."""

    cloud: CloudStatus


class ShowModelReply(msgspec.Struct, omit_defaults=True):
    """Answer of POST /api/show. What is empty is left out."""

    model_info: dict[str, Any]
    details: Details
    modified_at: str
    license: str = ""
    modelfile: str = ""
    parameters: str = ""
    template: str = ""
    system: str = ""
    messages: list[dict[str, str]] = []
    remote_model: str = ""
    remote_host: str = ""
    capabilities: list[str] = []
    requires: str = ""
    projector_info: dict[str, Any] = {}
    tensors: list[ShowTensor] = []


class NativeError(msgspec.Struct):
    """An error of the native dialect."""

    error: str


class OpenAIErrorReply(msgspec.Struct):
    """An error of the OpenAI dialect."""

    error: OpenAIError


@dataclass(frozen=True)
class Reply:
    """What one route answers when all is well."""

    whole: type[Any] | None = None
    """The JSON object; None: nothing."""
    lines: type[Any] | None = None
    """The object on each line of the streamed form."""
    events: type[Any] | None = None
    """The object in each server-sent event of the streamed form."""
    text: str = ""
    """The media type of an answer that is no JSON."""


REPLIES: Mapping[tuple[str, str], Reply] = {
    ("get", "/"): Reply(text="text/plain"),
    ("get", "/metrics"): Reply(text="text/plain"),
    ("get", "/docs"): Reply(text="text/html"),
    ("get", "/api/version"): Reply(VersionReply),
    ("get", "/api/status"): Reply(StatusReply),
    ("get", "/api/requests"): Reply(RequestList),
    ("get", "/api/tags"): Reply(TagsReply),
    ("get", "/api/ps"): Reply(PsReply),
    ("post", "/api/show"): Reply(ShowModelReply),
    ("post", "/api/copy"): Reply(),
    ("delete", "/api/delete"): Reply(),
    ("head", "/api/blobs/{digest}"): Reply(),
    ("post", "/api/blobs/{digest}"): Reply(),
    ("post", "/api/generate"): Reply(GenerateReply, lines=GenerateReply),
    ("post", "/api/chat"): Reply(ChatReply, lines=ChatReply),
    ("post", "/api/create"): Reply(ProgressReply, lines=ProgressReply),
    ("post", "/api/pull"): Reply(ProgressReply, lines=ProgressReply),
    ("post", "/api/embed"): Reply(EmbedReply),
    ("post", "/api/embeddings"): Reply(EmbeddingsReply),
    ("post", "/api/rerank"): Reply(RerankReply),
    ("post", "/v1/rerank"): Reply(RerankReply),
    ("post", "/api/tokenize"): Reply(TokensReply),
    ("post", "/api/detokenize"): Reply(ContentReply),
    ("post", "/api/apply_template"): Reply(PromptReply),
    ("post", "/v1/chat/completions"): Reply(Completion, events=Chunk),
    ("post", "/v1/completions"): Reply(TextCompletion, events=TextCompletion),
    ("post", "/v1/embeddings"): Reply(EmbeddingList),
    ("post", "/v1/messages"): Reply(MessageReply, text=_EVENTS),
    ("post", "/v1/messages/count_tokens"): Reply(TokenCount),
    ("get", "/v1/models"): Reply(ModelList),
    ("get", "/v1/models/{model}"): Reply(ModelEntry),
    ("post", "/v1/responses"): Reply(Response, text=_EVENTS),
    ("get", "/v1/responses/{response_id}"): Reply(Response),
    ("delete", "/v1/responses/{response_id}"): Reply(DeletedResponse),
}


def describe_replies(document: dict[str, Any]) -> None:
    """Put the answers, and the errors of each dialect, into an OpenAPI document."""
    kinds = {
        kind
        for reply in REPLIES.values()
        for kind in (reply.whole, reply.lines, reply.events)
        if kind is not None
    } | {NativeError, OpenAIErrorReply, AnthropicErrorReply}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    references = dict(zip(ordered, schemas, strict=True))
    document["components"]["schemas"].update(components)
    # The routes read their bodies and paths themselves and have their own words for faults.
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    for path, operations in document["paths"].items():
        error = references[_error_kind(path)]
        for method, operation in operations.items():
            responses = operation["responses"]
            responses.pop("422", None)
            good = next(iter(responses.values()))
            reply = REPLIES.get((method, path))
            if reply is not None:
                good["description"] = "Done"
                good["content"] = _content(reply, references)
                if not good["content"]:
                    del good["content"]
            responses["default"] = {
                "description": "An error",
                "content": {_JSON: {"schema": error}},
            }


def _error_kind(path: str) -> type[Any]:
    if is_anthropic_path(path):
        return AnthropicErrorReply
    return OpenAIErrorReply if path.startswith("/v1/") else NativeError


def _content(reply: Reply, references: Mapping[type[Any], dict[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if reply.whole is not None:
        content[_JSON] = {"schema": references[reply.whole]}
    if reply.lines is not None:
        content[_NDJSON] = {"schema": references[reply.lines]}
    if reply.events is not None:
        name = references[reply.events]["$ref"].rpartition("/")[2]
        text = f"Server-sent events, each with a {name} as its data; the last is [DONE]."
        content[_EVENTS] = {"schema": {"type": "string", "description": text}}
    if reply.text:
        content[reply.text] = {"schema": {"type": "string"}}
    return content
