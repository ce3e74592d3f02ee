"""Limits of bodies and heads, at and around the limit."""

import time

import pytest
from fastapi import Request

from api.server.body import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    MAX_IMAGE_JSON_BYTES,
    MAX_JSON_BYTES,
    BodyLimiter,
    limit_for,
    read_body,
)
from api.server.streaming import JSONAnswer
from tests.api.server.raw_socket import connection, exchange, read_head
from tests.api.server.small_app import served, small_app


def padded(size: int) -> bytes:
    start = b'{"model":"tiny","pad":"'
    return start + b"x" * (size - len(start) - 2) + b'"}'


@pytest.mark.parametrize(
    ("size", "status"),
    [(MAX_JSON_BYTES - 1, 200), (MAX_JSON_BYTES, 200), (MAX_JSON_BYTES + 1, 413)],
)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_json_bodies_end_at_the_limit(server, size, status, is_chunked):
    body = padded(size)
    content = (body[at : at + 2**20] for at in range(0, size, 2**20)) if is_chunked else body
    answer = server.client.post("/api/show", content=content)
    assert answer.status_code == status
    if status == 413:
        assert answer.json() == {"error": "http: request body too large"}


def test_routes_with_images_take_more_and_blobs_anything():
    assert limit_for("/api/show") == MAX_JSON_BYTES
    assert limit_for("/v1/chat/completions") == MAX_IMAGE_JSON_BYTES
    assert limit_for("/api/blobs/sha256:0") is None


def test_a_declared_giant_is_refused_before_a_byte_of_it_is_sent(server):
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 200000000\r\n\r\n"
    )
    started = time.monotonic()
    answer = exchange(server.port, head)
    assert time.monotonic() - started < 0.5
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"invalid_request_error" in answer or b"api_error" in answer


def test_an_undeclared_giant_is_refused_at_the_limit(server):
    piece = b"100000\r\n" + b" " * 2**20 + b"\r\n"
    with connection(server.port) as sock:
        sock.sendall(
            b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(MAX_JSON_BYTES // 2**20):
            sock.sendall(piece)
        started = time.monotonic()
        sock.sendall(b"1\r\n \r\n")
        assert b" 413 " in read_head(sock).split(b"\r\n")[0]
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize(("extra", "status"), [(0, 200), (1, 431)])
def test_number_of_headers_is_limited(server, extra, status):
    lines = b"".join(b"X-%d: 1\r\n" % number for number in range(MAX_HEADERS - 1 + extra))
    answer = exchange(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
    assert int(answer.split(b" ", 2)[1]) == status


def test_size_of_the_head_is_limited(server):
    line = b"X-Pad: " + b"x" * MAX_HEAD_BYTES + b"\r\n"
    answer = exchange(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + line + b"\r\n")
    assert int(answer.split(b" ", 2)[1]) in (400, 431)


def test_a_body_that_stalls_is_given_up():
    app = small_app()
    app.add_middleware(BodyLimiter, idle_s=0.2)

    @app.post("/")
    async def echo(request: Request) -> JSONAnswer:
        return JSONAnswer(await read_body(request))

    with served(app) as (_, client):
        head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf"
        answer = exchange(client.base_url.port, head)
    assert b" 408 " in answer.split(b"\r\n")[0]
    assert b"timed out waiting for the request body" in answer


def test_a_refused_body_does_not_harm_the_connection(server):
    with connection(server.port) as sock:
        sock.sendall(
            b"POST /api/show HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: %d\r\n\r\n" % (MAX_JSON_BYTES + 1)
        )
        assert b" 413 " in read_head(sock).split(b"\r\n")[0]
        for _ in range(MAX_JSON_BYTES // 2**20):
            sock.sendall(b" " * 2**20)
        sock.sendall(b" ")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in read_head(sock).split(b"\r\n")[0]
