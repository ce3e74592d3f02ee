import socket
import threading
from collections.abc import Iterator

import pytest

from app.desktop.probe import Found, find_server
from app.hosts import Host, parse_host


class OneAnswer:
    """A listener that sends the same bytes to everyone, whatever they ask."""

    def __init__(self, reply: bytes | None) -> None:
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._clients: list[socket.socket] = []
        self.host = Host(port=self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            if self._reply is not None:
                client.recv(4096)
                client.sendall(self._reply)
                client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        for client in self._clients:
            client.close()


@pytest.fixture
def answering() -> Iterator[type[OneAnswer]]:
    made: list[OneAnswer] = []

    class Kept(OneAnswer):
        def __init__(self, reply: bytes | None) -> None:
            super().__init__(reply)
            made.append(self)

    yield Kept
    for one in made:
        one.close()


def _http(body: bytes, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.mark.parametrize(
    ("body", "program"),
    [
        (b'{"version":"0.33.0"}', "Ollama 0.33.0"),
        (b'{"version":"0.33.0","corral":"0.1.0"}', "Corral 0.1.0"),
    ],
)
def test_healthy_server_is_found_by_name(
    answering: type[OneAnswer], body: bytes, program: str
) -> None:
    assert find_server(answering(_http(body)).host) == Found(program)


@pytest.mark.parametrize(
    "reply",
    [
        _http(b"<html>", "200 OK"),
        _http(b'{"version":"0.33.0"}', "503 Busy"),
        _http(b'{"version":1}'),
        _http(b"[1]"),
        b"220 smtp ready\r\n",
        b"",
    ],
)
def test_anything_else_is_no_server(answering: type[OneAnswer], reply: bytes) -> None:
    assert find_server(answering(reply).host) is None


def test_server_that_never_answers_is_given_up(answering: type[OneAnswer]) -> None:
    assert find_server(answering(None).host, timeout_s=0.2) is None


def test_nobody_there(free_port: int) -> None:
    host, _ = parse_host(f"127.0.0.1:{free_port}")
    assert find_server(host) is None
