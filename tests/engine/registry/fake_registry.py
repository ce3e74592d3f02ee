"""A registry that misbehaves on demand: a real HTTP server on loopback.

Each request for a blob takes the next entry of `script`; without one it is served properly. What
was asked is in `requests`.
"""

import base64
import hashlib
import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

DIGEST_OF_NOTHING = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()
TOKEN = "token-of-the-test"


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that break off, and answers that we break off, are what this is about."""
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class FakeRegistry:
    """State and script of one server."""

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        """By "namespace/model:tag"."""
        self.script: list[str] = []
        self.requests: list[Seen] = []
        self.realm: str | None = None
        """Set: requests need a token from there; "" is this server."""
        self.manifest_script: list[str] = []
        self.serves_tokens = 0
        self.sent_bytes = 0
        self.pause_s = 0.0
        """After each block of a blob."""
        self.released = threading.Event()
        """Ends whatever stalls."""
        self.lock = threading.Lock()
        registry = self

        class Handler(_Handler):
            fake = registry

        self._server = _Server((address, 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self.host = f"{address}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add_blob(self, data: bytes) -> dict[str, object]:
        """Keeps it; a layer without media type."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[digest] = data
        return {"digest": digest, "size": len(data)}

    def asked_bytes(self, user_agent: str) -> int:
        """Of blobs, by the ranges in one client's requests."""
        seen = [one for one in self.blob_requests() if one.headers["user-agent"] == user_agent]
        ranges = [one.headers["range"].partition("=")[2] for one in seen]
        ends = [[int(end) for end in one.split("-")] for one in ranges]
        return sum(last - first + 1 for first, last in ends)

    def blob_requests(self) -> list[Seen]:
        return [seen for seen in self.requests if "/blobs/" in seen.path]


@contextmanager
def fake_registry(
    address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[FakeRegistry]:
    """A running one."""
    registry = FakeRegistry(address, tls)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


class _Handler(BaseHTTPRequestHandler):
    fake: FakeRegistry
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        fields = {name.lower(): value for name, value in self.headers.items()}
        with self.fake.lock:
            self.fake.requests.append(Seen("GET", self.path, fields))
        if path == "/token":
            self._token()
        elif not self._is_allowed():
            self._challenge()
        elif "/manifests/" in path:
            self._manifest(path)
        elif "/blobs/" in path:
            self._blob(path.rpartition("/")[2])
        else:
            self._answer(404, b"404 page not found")

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # --- tokens --------------------------------------------------------------------------------

    def _is_allowed(self) -> bool:
        wanted = self.fake.realm is None or "/cdn/" in self.path
        return wanted or self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _challenge(self) -> None:
        realm = self.fake.realm or f"http://{self.fake.host}/token"
        challenge = f'Bearer realm="{realm}",service="fake",scope="repository:a/b:pull push:x"'
        self._answer(401, b"{}", WWW_Authenticate=challenge)

    def _token(self) -> None:
        """Checks the signature as ollama.com does."""
        query = parse_qs(urlsplit(self.path).query)
        public, _, signature = self.headers.get("Authorization", "").partition(":")
        challenge = f"GET,http://{self.fake.host}{self.path},{DIGEST_OF_NOTHING}"
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[-32:])
            key.verify(base64.b64decode(signature), challenge.encode())
        except (InvalidSignature, ValueError):
            self._answer(401)
            return
        fresh = abs(int(query["ts"][0]) - time.time()) < 60 and len(query["nonce"][0]) == 22
        if not fresh or query["scope"] != ["repository:a/b:pull", "push:x"]:
            self._answer(401)
            return
        self.fake.serves_tokens += 1
        self._answer(200, json.dumps({"token": TOKEN}).encode())

    # --- manifests and blobs -------------------------------------------------------------------

    def _manifest(self, path: str) -> None:
        with self.fake.lock:
            step = self.fake.manifest_script.pop(0) if self.fake.manifest_script else ""
        if step.startswith("status:"):
            self._answer(int(step[7:]), b"out of order")
            return
        if step.startswith("redirect:"):
            self._answer(307, Location=step[9:].replace("@path", self.path))
            return
        if step == "endless":
            self._endless()
            return
        if step == "html":
            self._answer(200, b"<html>sign in</html>", Content_Type="text/html")
            return
        repository, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        data = self.fake.manifests.get(f"{repository}:{tag}")
        if data is None:
            self._answer(404, b'{"errors":[]}')
        else:
            self._answer(200, data, Content_Type=self.headers.get("Accept", ""))

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not self.fake.released.is_set():
                self.wfile.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        except OSError:
            self.close_connection = True

    def _blob(self, digest: str) -> None:
        with self.fake.lock:
            step = self.fake.script.pop(0) if self.fake.script else ""
        data = self.fake.blobs.get(digest)
        if data is None:
            self._answer(404)
            return
        name, _, detail = step.partition(":")
        if name == "status":
            status, _, retry_after = detail.partition(":")
            self._answer(int(status), b"out of order", Retry_After=retry_after or "0")
        elif name == "redirect":
            self._answer(307, Location=detail.replace("@digest", digest))
        elif name == "html":
            self._answer(200, b"<html>sign in</html>", Content_Type="text/html")
        elif name == "gzip":
            self._answer(200, b"\x1f\x8b", Content_Encoding="gzip")
        elif name == "whole":
            self._send(data, 0, len(data) - 1, len(data), "", 200)
        else:
            self._serve(data, name, detail)

    def _serve(self, data: bytes, name: str, detail: str) -> None:
        requested = self.headers.get("Range", "")
        if not requested:
            self._send(data, 0, len(data) - 1, len(data), name, 200, detail)
            return
        first, last = (int(text) for text in requested.removeprefix("bytes=").split("-"))
        total = len(data)
        if name == "shifted":
            first, last = first + 1, min(last + 1, total - 1)
        if name == "total":
            total += 7
        if name == "wrong":
            data = bytes(byte ^ 1 for byte in data[: last + 1])
        self._send(data, first, last, total, name, 206, detail)

    def _send(
        self,
        data: bytes,
        first: int,
        last: int,
        total: int,
        name: str,
        status: int,
        detail: str = "",
    ) -> None:
        body = data[first : last + 1]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        self.end_headers()
        stop = int(detail or 0) if name in ("reset", "truncate", "stall") else len(body)
        try:
            self._write(body[:stop])
        except OSError:
            self.close_connection = True
            return
        if name == "stall":
            self.fake.released.wait(30)
        if stop < len(body):
            self.close_connection = True
        if name == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.wfile.close()
            self.rfile.close()
            self.connection.close()

    def _write(self, body: bytes) -> None:
        for start in range(0, len(body), 65536):
            block = body[start : start + 65536]
            self.wfile.write(block)
            with self.fake.lock:
                self.fake.sent_bytes += len(block)
            if self.fake.pause_s:
                self.fake.released.wait(self.fake.pause_s)
