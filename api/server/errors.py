"""The one table from errors to HTTP: status, text and the body of each dialect. Pure."""

import logging
import secrets
from collections.abc import Sequence

import msgspec

from api.server.json_output import encode
from engine.errors import (
    EngineError,
    InvalidRequestError,
    ModelNotFoundError,
    QueueFullError,
    RequestCancelledError,
)

logger = logging.getLogger(__name__)

INTERNAL_ERROR = "internal server error"


class RequestError(Exception):
    """A request refused by the HTTP border itself, with the status to answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


# First match wins, so subclasses stand before their parents.
_STATUSES: Sequence[tuple[type[EngineError], int]] = (
    (ModelNotFoundError, 404),
    (QueueFullError, 503),
    (RequestCancelledError, 499),
    (InvalidRequestError, 400),
    (EngineError, 500),
)


def describe_error(error: BaseException) -> tuple[int, str]:
    """Status and text that a client gets for `error`.

    An error that is not in the table is a bug or a fault of the machine: it is logged with its
    traceback, and its text, which may name files of the server, stays out of the answer.
    """
    match error:
        case RequestError():
            return error.status, str(error)
        case EngineError():
            status = next(status for kind, status in _STATUSES if isinstance(error, kind))
            return status, str(error)
        case OSError() if error.strerror:
            logger.error("request failed", exc_info=error)
            return 500, error.strerror.lower()
        case _:
            logger.error("request failed", exc_info=error)
            return 500, INTERNAL_ERROR


_OPENAI_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


class OpenAIError(msgspec.Struct):
    """An error as the OpenAI dialect tells it."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


def native_error_body(text: str) -> bytes:
    """`{"error": text}`."""
    return encode({"error": text})


def openai_error_body(status: int, text: str) -> bytes:
    """The error object of the OpenAI dialect (spec 1.15)."""
    kind = _OPENAI_TYPES.get(status, "api_error")
    return encode({"error": OpenAIError(message=text, type=kind)})


_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


class AnthropicError(msgspec.Struct):
    """An error as the Anthropic dialect tells it."""

    type: str
    message: str


class AnthropicErrorReply(msgspec.Struct):
    """What the Anthropic dialect answers with an error."""

    type: str
    error: AnthropicError
    request_id: str


def anthropic_error_body(status: int, text: str) -> bytes:
    """The error object of the Anthropic dialect (spec 1.16)."""
    error = AnthropicError(_ANTHROPIC_TYPES.get(status, "api_error"), text)
    return encode(AnthropicErrorReply("error", error, f"req_{secrets.token_hex(12)}"))


def is_anthropic_path(path: str) -> bool:
    """Whether a path is of the Anthropic dialect."""
    return path == "/v1/messages" or path.startswith("/v1/messages/")


def error_body(path: str, status: int, text: str) -> bytes:
    """The error body in the dialect that `path` belongs to."""
    if is_anthropic_path(path):
        return anthropic_error_body(status, text)
    if path.startswith("/v1/"):
        return openai_error_body(status, text)
    return native_error_body(text)
