"""What a client may write where a model's name is wanted (spec 1.4). Pure."""

from api.server.errors import RequestError
from engine.errors import InvalidRequestError
from engine.library.gotext import quote

CLOUD_DISABLED = "ollama cloud is disabled: remote model is unavailable"
SHOW_CLOUD_DISABLED = "ollama cloud is disabled: remote model details are unavailable"


def local_name(text: str, cloud_error: str = CLOUD_DISABLED) -> str:
    """The model's name without a source suffix; "" if there is none.

    Raises InvalidRequestError for two suffixes, and RequestError (403) for a cloud model, which
    this program does not reach.
    """
    name, source = _split_source(text.strip())
    if source and _split_source(name)[1]:
        raise InvalidRequestError(f"use either :local or :cloud, not both: {quote(text)}")
    if source == "cloud":
        raise RequestError(403, cloud_error)
    return name


def _split_source(text: str) -> tuple[str, str]:
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        return text, ""
    source = tag.lower()
    if source in ("local", "cloud"):
        return name, source
    if source.endswith("-cloud"):
        return f"{name}:{tag[: -len('-cloud')]}", "cloud"
    return text, ""
