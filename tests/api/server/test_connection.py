"""Slow and crowding clients."""

import time

from api.server.connection import ConnectionLimits
from tests.api.live_server import wait_until
from tests.api.server.raw_socket import connection, exchange, read_all, read_head
from tests.api.server.small_app import served, small_app

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_a_head_that_never_ends_is_given_up():
    with (
        served(small_app(), ConnectionLimits(head_s=0.3)) as (_, client),
        connection(client.base_url.port) as silent,
        connection(client.base_url.port) as half,
    ):
        half.sendall(REQUEST[:20])
        started = time.monotonic()
        assert read_all(half) == b""
        assert read_all(silent) == b""
        assert time.monotonic() - started < 3


def test_the_second_head_on_a_connection_is_timed_too():
    with (
        served(small_app(), ConnectionLimits(head_s=0.3)) as (_, client),
        connection(client.base_url.port) as sock,
    ):
        sock.sendall(REQUEST)
        assert b" 404 " in read_head(sock)
        sock.sendall(REQUEST[:20])
        assert read_all(sock) == b""


def test_an_endless_head_is_cut():
    with served(small_app()) as (_, client), connection(client.base_url.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        try:
            for _ in range(64):
                sock.sendall(b"x" * 4096)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert read_all(sock).startswith((b"HTTP/1.1 400 ", b""))


def test_one_connection_too_many_is_told_so_and_the_next_is_welcome():
    with served(small_app(), ConnectionLimits(max_connections=2)) as (_, client):
        port = client.base_url.port
        with connection(port) as first, connection(port) as second:
            for sock in (first, second):
                sock.sendall(REQUEST)
                assert b" 404 " in read_head(sock)
            with connection(port) as third:
                assert read_all(third).startswith(b"HTTP/1.1 503 ")
        wait_until(lambda: b" 404 " in exchange(port, REQUEST))


def test_peers_on_this_machine_are_only_bound_by_the_total():
    with served(small_app(), ConnectionLimits(max_per_peer=1)) as (_, client):
        port = client.base_url.port
        with connection(port) as first, connection(port) as second:
            for sock in (first, second):
                sock.sendall(REQUEST)
                assert b" 404 " in read_head(sock)
