"""Requests byte by byte, for what no well-behaved client sends."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connection(port: int, timeout_s: float = 10.0) -> Iterator[socket.socket]:
    """A TCP connection to the server on loopback."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as sock:
        yield sock


def read_all(sock: socket.socket) -> bytes:
    """Everything until the server closes; a reset counts as the end."""
    parts = []
    try:
        while part := sock.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def read_head(sock: socket.socket) -> bytes:
    """An answer up to the end of its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            break
        data += part
    return data


def exchange(port: int, request: bytes) -> bytes:
    """The head (and perhaps more) of the answer to `request`."""
    with connection(port) as sock:
        sock.sendall(request)
        return read_head(sock)
