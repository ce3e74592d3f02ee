"""Request bodies of the routes for vectors and scores (spec 1.7, 1.8). Values only."""

from typing import Any, ClassVar

from pydantic import Field

from api.ollama.values import Integer, JSONObject, KeepAlive
from api.server.shapes import Shape


class EmbedBody(Shape):
    """POST /api/embed. `input`: a text or a list of texts."""

    go_name: ClassVar[str] = "EmbedRequest"
    model: str = ""
    input: Any = None
    truncate: bool = True
    dimensions: Integer = 0
    keep_alive: KeepAlive = None
    options: JSONObject = Field(default_factory=dict)


class EmbeddingsBody(Shape):
    """POST /api/embeddings."""

    go_name: ClassVar[str] = "EmbeddingRequest"
    model: str = ""
    prompt: str = ""
    keep_alive: KeepAlive = None
    options: JSONObject = Field(default_factory=dict)


class RerankBody(Shape):
    """POST /api/rerank and /v1/rerank. Documents: texts, or objects with a `text`."""

    go_name: ClassVar[str] = "RerankRequest"
    model: str = ""
    query: str = ""
    documents: list[Any] = Field(default_factory=list)
    top_n: Integer | None = None
    return_documents: bool = False
    truncate: bool = True
    keep_alive: KeepAlive = None
    options: JSONObject = Field(default_factory=dict)
