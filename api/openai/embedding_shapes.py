"""The request body of /v1/embeddings (spec 1.15). Values only."""

from typing import Any, ClassVar

from api.ollama.values import Integer
from api.server.shapes import Shape


class EmbeddingBody(Shape):
    """POST /v1/embeddings. `input`: a text, a list of texts, tokens, or a list of those."""

    go_name: ClassVar[str] = "EmbedRequest"
    model: str = ""
    input: Any = None
    encoding_format: str = ""
    dimensions: Integer = 0
