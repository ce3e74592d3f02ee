"""One model's place in a registry: its manifest and its blobs (spec 4.1, 4.2). Any thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from engine.identity.key import Key
from engine.library.digests import Digest
from engine.library.manifests import MANIFEST_MEDIA_TYPE, MAX_MANIFEST_BYTES
from engine.library.names import ModelName
from engine.registry.errors import (
    BadAnswerError,
    NotFoundError,
    RegistryError,
    StatusError,
    TransferError,
    UnauthorizedError,
    UnreachableError,
)
from engine.registry.origin import Origin, Trust
from engine.registry.session import Reply, Session
from engine.registry.settings import RegistrySettings
from engine.registry.tokens import Tokens

MANIFEST_TRIES = 3
"""Few: someone waits for the first sign of life."""


class Repository:
    """Requests about one model. Owns its session: close it."""

    def __init__(
        self,
        name: ModelName,
        settings: RegistrySettings,
        load_key: Callable[[], Key],
        *,
        insecure: bool = False,
        may_be_private: bool = True,
    ) -> None:
        """`may_be_private`: whether the host in the name may lie in a private network.

        Raises BadAnswerError if the name's host is none.
        """
        self.name = name
        self._settings = settings
        scheme = "http" if insecure else "https"
        try:
            base = httpx2.URL(f"{scheme}://{name.host}")
        except httpx2.InvalidURL as exc:
            raise BadAnswerError(f"{name.host} is no address of a registry") from exc
        self._base = base.copy_with(path=f"/v2/{name.namespace}/{name.model}/")
        origin = Origin.of(base)
        trust = Trust(origin.host, insecure=insecure, may_be_private=may_be_private)
        self.session = Session(trust, settings)
        self._tokens = Tokens(
            self.session, origin, load_key, answer_timeout_s=settings.answer_timeout_s
        )
        self._aborted = threading.Event()
        self._lock = threading.Lock()
        self._locations: dict[Digest, httpx2.URL] = {}
        """Where the registry keeps blobs, if not itself; good for a while."""

    def close(self) -> None:
        """Drop the connections."""
        self.session.close()

    def abort(self) -> None:
        """Make all requests fail, now and from now on."""
        self.session.abort()
        self._aborted.set()

    def fetch_manifest_patiently(self) -> bytes:
        """As `fetch_manifest`, with a few more tries if the registry is unwell."""
        policy = self._settings.retry
        for failures in range(1, MANIFEST_TRIES):
            try:
                return self.fetch_manifest()
            except StatusError as exc:
                if not exc.is_temporary:
                    raise
                self._aborted.wait(policy.pause_s(failures, exc.retry_after_s))
            except UnreachableError:
                raise  # most likely a wrong name, or no network at all
            except TransferError:
                self._aborted.wait(policy.pause_s(failures))
        return self.fetch_manifest()

    def fetch_manifest(self) -> bytes:
        """As the registry sends it. Raises RegistryError."""
        url = self._base.join(f"manifests/{self.name.tag}")
        with self._open(url, {"Accept": MANIFEST_MEDIA_TYPE}) as reply:
            self._raise_for_status(reply)
            return reply.read(MAX_MANIFEST_BYTES, self._settings.answer_timeout_s)

    @contextmanager
    def open_blob(self, digest: Digest, first: int, last: int) -> Iterator[Reply]:
        """A range of a blob's bytes, both ends included, or (status 200) all of them.

        Raises RegistryError, also while the body is read.
        """
        ranges = {"Range": f"bytes={first}-{last}"}
        with self._lock:
            location = self._locations.get(digest)
        if location is not None:
            with self.session.open("GET", location, headers=ranges) as reply:
                if reply.status in (200, 206):
                    yield reply
                    return
                with self._lock:  # such addresses expire; ask the registry again
                    self._locations.pop(digest, None)
                if reply.status not in (400, 401, 403, 404, 410):
                    self._raise_for_status(reply)
        with self._open(self._base.join(f"blobs/{digest}"), ranges) as reply:
            self._raise_for_status(reply)
            if reply.has_left:
                with self._lock:
                    self._locations[digest] = reply.url
            yield reply

    @contextmanager
    def _open(self, url: httpx2.URL, headers: dict[str, str]) -> Iterator[Reply]:
        """With a token, as soon as the registry asks for one."""
        sent = self._tokens.authorization
        with self.session.open("GET", url, headers=headers, authorization=sent) as reply:
            if reply.status != 401 or reply.has_left:
                yield reply
                return
            challenge = reply.headers.get("www-authenticate", "")
        self._tokens.renew(sent, challenge)
        sent = self._tokens.authorization
        with self.session.open("GET", url, headers=headers, authorization=sent) as reply:
            yield reply

    def _raise_for_status(self, reply: Reply) -> None:
        if reply.status in (200, 206):
            return
        raise self._refusal(reply)

    def _refusal(self, reply: Reply) -> RegistryError:
        if reply.status == 401:
            return UnauthorizedError()
        if reply.status == 404:
            return NotFoundError()
        if reply.status == 416:  # its Content-Length may be a lie, so the body stays unread
            return StatusError(416)
        text = reply.read_error_text(self._settings.answer_timeout_s)
        return StatusError(reply.status, text, _retry_after_s(reply.headers.get("retry-after", "")))


def _retry_after_s(text: str) -> float | None:
    """Seconds or a date, from now; None if it says nothing."""
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)
