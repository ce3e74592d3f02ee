"""Uploads: straight to disk, all or nothing."""

import hashlib
import time

import pytest

from tests.api.live_server import LiveServer, live_server, wait_until
from tests.api.server.raw_socket import connection, read_all


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob_files(server: LiveServer) -> list[str]:
    return sorted(path.name for path in server.root.rglob("*") if path.is_file())


def test_a_blob_is_created_once(server):
    data = b"some weights " * 100_000
    url = f"/api/blobs/{digest_of(data)}"
    assert server.client.head(url).status_code == 404
    assert server.client.post(url, content=data).status_code == 201
    assert server.client.head(url).status_code == 200
    assert server.client.head(url.replace("sha256:", "sha256-")).status_code == 200
    again = server.client.post(url, content=data)
    assert (again.status_code, again.content) == (200, b"")
    assert digest_of(data).replace(":", "-") in blob_files(server)


def test_a_chunked_upload_larger_than_any_json_goes_to_disk(server):
    piece = b"x" * 2**20
    count = 40
    digest = hashlib.sha256()
    for _ in range(count):
        digest.update(piece)
    url = f"/api/blobs/sha256:{digest.hexdigest()}"
    answer = server.client.post(url, content=(piece for _ in range(count)))
    assert answer.status_code == 201


@pytest.mark.parametrize("data", [b"other bytes", b""])
def test_bytes_that_do_not_match_leave_nothing(server, data):
    expected = "sha256:" + "1" * 64
    before = blob_files(server)
    answer = server.client.post(f"/api/blobs/{expected}", content=data)
    assert answer.status_code == 400
    text = f'digest mismatch, expected "{expected}", got "{digest_of(data)}"'
    assert answer.json() == {"error": text}
    assert blob_files(server) == before


@pytest.mark.parametrize("digest", ["sha256:12", "md5:" + "0" * 64, "..%2f..%2fetc", "sha256"])
def test_a_bad_digest_is_refused(server, digest):
    assert server.client.head(f"/api/blobs/{digest}").status_code in (400, 404)
    answer = server.client.post(f"/api/blobs/{digest}", content=b"x")
    assert answer.status_code in (400, 404)
    if answer.status_code == 400:
        assert answer.json() == {"error": "invalid digest format"}


def test_an_upload_that_breaks_off_leaves_nothing_and_may_be_repeated(server):
    data = b"precious" * 500_000
    url = f"/api/blobs/{digest_of(data)}"
    before = blob_files(server)
    with connection(server.port) as sock:
        head = f"POST {url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        sock.sendall(head.encode() + data[: len(data) // 2])
        wait_until(lambda: len(blob_files(server)) > len(before))
    wait_until(lambda: blob_files(server) == before)
    assert server.client.post(url, content=data).status_code == 201


def test_a_server_that_stops_ends_uploads(tmp_path):
    with live_server(tmp_path) as stopping, connection(stopping.port) as sock:
        sock.sendall(
            b"POST /api/blobs/sha256:" + b"3" * 64 + b" HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 10000000\r\n\r\nsome"
        )
        wait_until(lambda: blob_files(stopping))
        assert stopping.thread.stop(5)
        assert read_all(sock).startswith(b"HTTP/1.1 503 ")
        assert blob_files(stopping) == []


def test_many_slow_uploads_do_not_keep_others_waiting(server):
    head = (
        b"POST /api/blobs/sha256:" + b"2" * 64 + b" HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 1000000\r\n\r\nslow"
    )
    with_uploads = [connection(server.port) for _ in range(12)]
    socks = [upload.__enter__() for upload in with_uploads]
    try:
        for sock in socks:
            sock.sendall(head)
        wait_until(lambda: server.app.state.activity.active_requests >= 12)
        started = time.monotonic()
        assert server.client.get("/api/tags").status_code == 200
        assert time.monotonic() - started < 2
    finally:
        for upload in with_uploads:
            upload.__exit__(None, None, None)
    wait_until(lambda: server.app.state.activity.active_requests == 0)
