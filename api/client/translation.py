"""Where HTTP's failures become the client's errors. Wrap it around the consumption of bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import msgspec

from api.client.errors import ResponseError, ServerUnreachableError, StreamBrokenError
from api.client.shapes import ErrorReply

MAX_ERROR_TEXT = 2000
"""A longer error body that is no JSON (some proxy's page) is cut."""


@contextmanager
def translate(address: str) -> Iterator[None]:
    """Turn what httpx2 and msgspec raise inside the block into `ClientError`s."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as exc:
        raise ServerUnreachableError(f"could not connect to {address}: {exc}") from exc
    except httpx2.TimeoutException as exc:
        raise StreamBrokenError(f"the server at {address} did not answer in time") from exc
    except httpx2.UnsupportedProtocol as exc:
        raise ServerUnreachableError(f"{address} is not an http or https address") from exc
    except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL) as exc:
        raise StreamBrokenError(f"the connection to {address} broke: {exc}") from exc
    except msgspec.MsgspecError as exc:
        raise StreamBrokenError(
            f"the server at {address} sent an unreadable answer: {exc}"
        ) from exc


def raise_for_status(response: httpx2.Response) -> None:
    """Read the body of an error answer and raise it as ResponseError; do nothing on success.

    Call it inside `translate`: it reads from the connection.
    """
    if response.is_success:
        return
    reply = _error_reply(response.read())
    text = reply.error or f"{response.status_code} {response.reason_phrase}".strip()
    raise ResponseError(response.status_code, text, reply.signin_url)


def _error_reply(body: bytes) -> ErrorReply:
    try:
        return msgspec.json.decode(body, type=ErrorReply)
    except msgspec.MsgspecError:
        # Not our dialect: a proxy's page, or the plain "404 page not found".
        return ErrorReply(error=body.decode("utf-8", "replace").strip()[:MAX_ERROR_TEXT])
