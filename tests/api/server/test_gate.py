"""Host and Origin at the door of the real server."""

import pytest

from tests.api.live_server import LiveServer
from tests.api.server.raw_socket import exchange

CHANGING = [
    ("POST", "/api/generate"),
    ("POST", "/api/chat"),
    ("POST", "/api/create"),
    ("POST", "/api/copy"),
    ("DELETE", "/api/delete"),
    ("POST", "/api/blobs/sha256:" + "0" * 64),
    ("POST", "/v1/chat/completions"),
]


@pytest.mark.parametrize(("method", "path"), CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.com"},
        {"Origin": "null"},
        {"Origin": "chrome-extension://abc"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.com"},
        {"Host": "evil.com:11434", "Origin": "http://evil.com:11434"},
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_pages_of_strangers_change_nothing(server, method, path, headers, content_type):
    body = b'{"model":"tiny","source":"tiny","destination":"copied","from":"tiny"}'
    if content_type:
        headers = {**headers, "Content-Type": content_type}
    answer = server.client.request(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.content) == (403, b"")
    assert "access-control-allow-origin" not in answer.headers
    assert [model.name.short for model in server.library.list()] == ["tiny:latest"]


def test_any_content_type_will_do_for_others(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = server.client.post(
            "/api/show", content=b'{"model":"tiny"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "app://obsidian.md"])
def test_allowed_origins_may_read_the_answer(server, origin):
    headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    answer = server.client.post("/api/show", json={"model": "tiny"}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"


def test_a_page_of_the_server_itself_needs_no_cors(server):
    answer = server.client.get("/api/version", headers={"Origin": server.url})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_preflight_of_an_allowed_origin(server):
    answer = server.client.options(
        "/api/chat",
        headers={"Origin": "http://localhost", "Access-Control-Request-Method": "POST"},
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-max-age"] == "43200"
    assert "DELETE" in answer.headers["access-control-allow-methods"]
    assert "x-stainless-retry-count" in answer.headers["access-control-allow-headers"]
    assert "OpenAI-Beta" in answer.headers["access-control-allow-headers"]


def test_preflight_of_a_stranger(server):
    answer = server.client.options("/api/chat", headers={"Origin": "http://evil.com"})
    assert (answer.status_code, answer.content) == (403, b"")


def test_options_without_origin(server):
    by_name = server.client.options("/api/chat", headers={"Host": f"localhost:{server.port}"})
    assert by_name.status_code == 204
    assert server.client.options("/api/chat").status_code == 405


def test_following_a_link_from_elsewhere_may_look(server):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert server.client.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET http://localhost/api/tags HTTP/1.1\r\nHost: evil.com\r\n",
        b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\n",
        b"GET /api/tags HTTP/1.1\r\nHost: evil.com\r\nX-Forwarded-Host: localhost\r\n",
        b"GET /api/tags HTTP/1.1\r\nHost: localhost@evil.com\r\n",
        b"GET /api/tags HTTP/1.1\r\nHost: evil.com\r\nOrigin: http://localhost\r\n",
    ],
)
def test_tricks_with_the_host_header_are_refused(server: LiveServer, head, caplog):
    caplog.set_level("WARNING", "uvicorn.error")
    status = exchange(server.port, head + b"Connection: close\r\n\r\n").split(b" ", 2)[1]
    assert status in (b"403", b"400")


def test_http_1_0_without_host_is_served(server: LiveServer):
    answer = exchange(server.port, b"GET / HTTP/1.0\r\n\r\n")
    assert b" 200 " in answer.split(b"\r\n")[0]
