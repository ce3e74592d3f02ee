"""The client of the server's native dialect. Synchronous; one may be used by several threads."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import httpx2
import msgspec

from api.client.errors import ClientError, ResponseError
from api.client.shapes import (
    ChatBody,
    ChatReply,
    CreateBody,
    EmbedBody,
    EmbedReply,
    GenerateBody,
    GenerateReply,
    ModelList,
    ModelSummary,
    ProgressReply,
    PullBody,
    Reply,
    Request,
    RunningList,
    RunningModel,
    ShowReply,
    UserReply,
    VersionReply,
)
from api.client.stream import ReplyT, Stream
from api.client.translation import raise_for_status, translate

ANSWER_TIMEOUT_S = 60.0
"""How long the server may take over a short request. Streams have no such limit: loading a model
takes as long as the disk needs; close the stream to give up."""

UPLOAD_CHUNK_BYTES = 1024 * 1024

Priority = Literal["interactive", "normal", "background"]

AnswerT = TypeVar("AnswerT", bound=Reply)


class Client:
    """Speaks to one server. Every method raises ClientError (see api/client/errors.py)."""

    def __init__(
        self,
        base_url: str,
        token: str = "",
        connect_timeout_s: float = 5.0,
        priority: Priority = "normal",
    ) -> None:
        """`priority`: which of several requests for a model the server serves first."""
        self.base_url = base_url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if priority != "normal":
            headers["X-Corral-Priority"] = priority
        self._http = httpx2.Client(
            headers=headers,
            # Reading the certificates takes longer than most requests.
            verify=self.base_url.startswith("https://"),
            # A proxy cannot reach our own machine.
            trust_env=not _is_loopback(self.base_url),
            timeout=httpx2.Timeout(ANSWER_TIMEOUT_S, connect=connect_timeout_s),
            # A connection per request: a stream can be closed without touching another, and no
            # request meets a connection that the server has just dropped.
            limits=httpx2.Limits(max_keepalive_connections=0),
        )
        self._stream_timeout = httpx2.Timeout(None, connect=connect_timeout_s)

    def close(self) -> None:
        """Drop all connections; streams that still run break."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def check(self) -> None:
        """Raise ServerUnreachableError (or another ClientError) unless a server answers."""
        self._send("HEAD", "/")

    def is_alive(self) -> bool:
        """Whether a server answers at the address, ours or another of the dialect."""
        try:
            self.check()
        except ClientError:
            return False
        return True

    def version(self) -> VersionReply:
        """What the server is."""
        return self._ask("GET", "/api/version", VersionReply)

    def list_models(self) -> list[ModelSummary]:
        """The models on the server's disk, newest first."""
        return self._ask("GET", "/api/tags", ModelList).models or []

    def running_models(self) -> list[RunningModel]:
        """The models in the server's memory."""
        return self._ask("GET", "/api/ps", RunningList).models or []

    def show(self, model: str, verbose: bool = False) -> ShowReply:
        """Everything about one model. Verbose: with arrays such as the vocabulary."""
        body = {"model": model, "verbose": verbose}
        return self._ask("POST", "/api/show", ShowReply, body)

    def copy(self, source: str, destination: str) -> None:
        """Give a model another name. An existing destination is replaced."""
        self._send("POST", "/api/copy", {"source": source, "destination": destination})

    def delete(self, model: str) -> None:
        """Remove a model from the disk."""
        self._send("DELETE", "/api/delete", {"model": model})

    def has_blob(self, digest: str) -> bool:
        """Whether the server has a file of that digest ("sha256:<hex>")."""
        try:
            self._send("HEAD", f"/api/blobs/{digest}")
        except ResponseError as error:
            if error.status == httpx2.codes.NOT_FOUND:
                return False
            raise
        return True

    def upload_blob(
        self, digest: str, path: Path, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Send a file. `on_progress` gets bytes sent and bytes in all, in the calling thread.

        Raises OSError when the file cannot be read.
        """
        with path.open("rb") as file:
            size_bytes = path.stat().st_size

            def chunks() -> Iterator[bytes]:
                sent_bytes = 0
                while chunk := file.read(UPLOAD_CHUNK_BYTES):
                    yield chunk
                    sent_bytes += len(chunk)
                    if on_progress is not None:
                        on_progress(sent_bytes, size_bytes)

            with translate(self.base_url):
                response = self._http.post(
                    f"{self.base_url}/api/blobs/{digest}",
                    content=chunks(),
                    headers={"Content-Length": str(size_bytes)},
                    timeout=self._stream_timeout,
                )
                raise_for_status(response)

    def create(self, body: CreateBody) -> Stream[ProgressReply]:
        """Make a model; the stream ends with the status "success"."""
        return self._stream(
            "/api/create", body, ProgressReply, lambda reply: reply.status == "success"
        )

    def pull(self, body: PullBody) -> Stream[ProgressReply]:
        """Fetch a model from a registry; the stream ends with the status "success"."""
        return self._stream(
            "/api/pull", body, ProgressReply, lambda reply: reply.status == "success"
        )

    def whoami(self) -> UserReply:
        """Who is signed in. ResponseError with status 401 and `signin_url` for nobody."""
        return self._ask("POST", "/api/me", UserReply)

    def sign_out(self) -> None:
        """Take the server's key out of the account. ResponseError 401 if it is in none."""
        self._send("POST", "/api/signout")

    def generate(self, body: GenerateBody) -> Stream[GenerateReply]:
        """Complete a prompt; the last reply has `done`."""
        return self._stream("/api/generate", body, GenerateReply, lambda reply: reply.done)

    def chat(self, body: ChatBody) -> Stream[ChatReply]:
        """Continue a conversation; the last reply has `done`."""
        return self._stream("/api/chat", body, ChatReply, lambda reply: reply.done)

    def embed(self, body: EmbedBody) -> EmbedReply:
        """Turn texts into vectors."""
        return self._ask("POST", "/api/embed", EmbedReply, body, self._stream_timeout)

    def load(self, model: str, keep_alive: float | str | None = None) -> None:
        """Load a model into memory and wait until it is there."""
        with self.generate(GenerateBody(model=model, keep_alive=keep_alive)) as stream:
            for _reply in stream:
                pass

    def unload(self, model: str) -> None:
        """Let the server drop a model from memory as soon as it is idle."""
        self.load(model, keep_alive=0)

    def _stream(
        self,
        path: str,
        body: Request,
        shape: type[ReplyT],
        is_last: Callable[[ReplyT], bool],
    ) -> Stream[ReplyT]:
        request = self._http.build_request(
            "POST",
            self.base_url + path,
            content=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
            timeout=self._stream_timeout,
        )
        return Stream(self._http, request, shape, is_last)

    def _ask(
        self,
        method: str,
        path: str,
        shape: type[AnswerT],
        body: object | None = None,
        timeout: httpx2.Timeout | None = None,
    ) -> AnswerT:
        answer = self._send(method, path, body, timeout)
        with translate(self.base_url):
            return msgspec.json.decode(answer, type=shape)

    def _send(
        self,
        method: str,
        path: str,
        body: object | None = None,
        timeout: httpx2.Timeout | None = None,
    ) -> bytes:
        with translate(self.base_url):
            response = self._http.request(
                method,
                self.base_url + path,
                content=None if body is None else msgspec.json.encode(body),
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=timeout or self._http.timeout,
            )
            raise_for_status(response)
            return response.content


def _is_loopback(base_url: str) -> bool:
    try:
        host = httpx2.URL(base_url).host
    except httpx2.InvalidURL:
        return False  # translated into a ClientError by the first request
    return host in ("localhost", "::1") or host.startswith("127.")
