"""The part of ollama.com that knows accounts: a real HTTP server that checks signatures."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class FakeAccount:
    """One server and the user whose key ours is."""

    def __init__(self) -> None:
        self.user: dict[str, object] | None = None
        """None: nobody is signed in."""
        self.raw: bytes | None = None
        """Sent instead of the user."""
        self.status = 200
        self.paths: list[str] = []
        fake = self

        class Handler(_Handler):
            account = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def fake_account() -> Iterator[FakeAccount]:
    """A running one."""
    account = FakeAccount()
    account.start()
    try:
        yield account
    finally:
        account.stop()


class _Handler(BaseHTTPRequestHandler):
    account: FakeAccount
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self._handle("/api/me")

    def do_DELETE(self) -> None:
        public = self.headers["Authorization"].partition(":")[0]
        line = f"ssh-ed25519 {public}".encode()
        encoded = base64.urlsafe_b64encode(line).decode().rstrip("=")
        if self._handle(f"/api/user/keys/{encoded}"):
            self.account.user = None

    def _handle(self, wanted: str) -> bool:
        path = urlsplit(self.path)
        self.account.paths.append(path.path)
        is_fresh = abs(int(parse_qs(path.query)["ts"][0]) - time.time()) < 60
        if path.path != wanted or not is_fresh or not self._is_signed():
            self._answer(400, b"bad request")
            return False
        if self.account.status != 200:
            self._answer(self.account.status, b"out of order")
            return False
        if self.account.raw is not None:
            self._answer(200, self.account.raw)
            return False
        if self.account.user is None:
            self._answer(401, b'{"error":"unauthorized"}')
            return False
        self._answer(200, json.dumps(self.account.user).encode())
        return True

    def _is_signed(self) -> bool:
        public, _, signature = self.headers.get("Authorization", "").partition(":")
        challenge = f"{self.command},{self.path}".encode()
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public)[-32:])
            key.verify(base64.b64decode(signature), challenge)
        except (InvalidSignature, ValueError):
            return False
        return True

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
