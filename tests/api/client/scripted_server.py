"""A loopback server that answers each connection with a script of raw bytes. For client tests.

It is a real TCP server: what httpx sees is what a broken or foreign server would send.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

Step = bytes | Callable[[socket.socket], None]

DEADLINE_S = 20.0


def http(status: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole HTTP answer that ends the connection."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def stream_head() -> bytes:
    """The head of an answer that streams lines in chunks."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
    return head + b"Transfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One HTTP chunk; empty data is the last one."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def reset(connection: socket.socket) -> None:
    """A step that resets the connection instead of closing it."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()


class ScriptedServer:
    """Each connection, in order, gets the next script: bytes to send or functions to call."""

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self.scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        """Set when a client ends its connection while the server listens to it."""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "ScriptedServer":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.join(DEADLINE_S)
        self._listener.close()
        assert kind is not None or not self._thread.is_alive(), "a script was never asked for"

    def wait_for_hang_up(self, connection: socket.socket) -> None:
        """A step that waits until the client ends the connection."""
        try:
            while connection.recv(65536):
                pass
        except ConnectionError:
            pass
        self.hung_up.set()

    def _serve(self) -> None:
        for script in self.scripts:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(DEADLINE_S)
                self.requests.append(_read_request(connection))
                for step in script:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    else:
                        step(connection)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            return data
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
