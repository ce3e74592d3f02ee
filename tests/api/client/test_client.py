import hashlib
import json
from pathlib import Path

import pytest

from api.client.client import Client, Priority
from api.client.errors import ResponseError, ServerUnreachableError, StreamBrokenError
from api.client.shapes import ChatBody, ChatMessage, CreateBody, GenerateBody
from tests.api.client.scripted_server import ScriptedServer, chunk, http, reset, stream_head


def test_models_are_read_with_missing_and_unknown_fields() -> None:
    body = json.dumps(
        {
            "models": [
                {
                    "name": "tiny:latest",
                    "modified_at": "2026-08-21T10:00:00.123456789+02:00",
                    "size": 5,
                    "digest": "ab" * 32,
                    "details": {"families": None, "family": "llama"},
                    "new_field": {"x": 1},
                }
            ]
        }
    ).encode()
    with ScriptedServer([http("200 OK", body)]) as server, Client(server.url) as client:
        (model,) = client.list_models()
    assert (model.name, model.size, model.details.family) == ("tiny:latest", 5, "llama")
    assert model.modified_at is not None
    assert model.modified_at.utcoffset() is not None


def test_a_null_list_is_empty() -> None:
    answer = http("200 OK", b'{"models":null}')
    with ScriptedServer([answer], [answer]) as server, Client(server.url) as client:
        assert client.list_models() == []
        assert client.running_models() == []


def test_an_error_carries_status_and_the_servers_text() -> None:
    answer = http("404 Not Found", b'{"error":"model \'x\' not found"}')
    with ScriptedServer([answer]) as server, Client(server.url) as client:
        with pytest.raises(ResponseError) as caught:
            client.show("x")
    assert caught.value.status == 404
    assert str(caught.value) == "model 'x' not found"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"404 page not found", "404 page not found"),
        (b"", "404 Not Found"),
        (b'{"error":{"message":"x"}}', '{"error":{"message":"x"}}'),
        (b"<html>" + b"x" * 5000, "<html>" + "x" * 1994),
    ],
)
def test_an_error_that_is_no_json_is_shown_as_it_is(body: bytes, text: str) -> None:
    answer = http("404 Not Found", body, "text/html")
    with ScriptedServer([answer]) as server, Client(server.url) as client:
        with pytest.raises(ResponseError) as caught:
            client.copy("a", "b")
    assert str(caught.value) == text


def test_an_answer_of_the_wrong_shape_is_a_broken_stream() -> None:
    with ScriptedServer([http("200 OK", b'{"models":3}')]) as server, Client(server.url) as client:
        with pytest.raises(StreamBrokenError, match="unreadable answer"):
            client.list_models()


def test_nobody_listening_is_unreachable(free_port: int) -> None:
    with Client(f"http://127.0.0.1:{free_port}") as client:
        with pytest.raises(ServerUnreachableError):
            client.list_models()
        with pytest.raises(ServerUnreachableError):
            next(client.generate(GenerateBody(model="tiny", prompt="hi")))
        assert not client.is_alive()


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "http://[::1", "http://127.0.0.1:99999"])
def test_an_impossible_address_is_a_client_error(url: str) -> None:
    with Client(url) as client:
        assert not client.is_alive()


def test_a_stream_gives_its_lines_however_they_are_cut() -> None:
    lines = (
        b'{"model":"m","response":"a \xe2\x80\xa8 b","done":false}\n\n'
        b'{"model":"m","response":"","done":true,"done_reason":"stop","eval_count":2}\n'
    )
    chunks = [chunk(lines[start : start + 7]) for start in range(0, len(lines), 7)]
    with (
        ScriptedServer([stream_head(), *chunks, chunk(b"")]) as server,
        Client(server.url) as client,
    ):
        first, last = client.generate(GenerateBody(model="m", prompt="hi"))
    assert first.response == "a \u2028 b"
    assert last.done
    assert last.eval_count == 2


def test_a_last_line_needs_no_line_feed() -> None:
    answer = http("200 OK", b'{"model":"m","response":"","done":true,"done_reason":"load"}')
    with ScriptedServer([answer]) as server, Client(server.url) as client:
        client.load("m")
    assert json.loads(server.requests[0].split(b"\r\n\r\n", 1)[1]) == {"model": "m"}


def test_requests_hold_only_what_was_asked_for() -> None:
    answer = http("200 OK", b'{"message":{"role":"assistant","content":""},"done":true}')
    created = http("200 OK", b'{"status":"success"}\n')
    with ScriptedServer([answer], [created]) as server, Client(server.url, token="t0k") as client:
        message = ChatMessage(role="user", content="hi", images=[b"\x00\x01"])
        list(client.chat(ChatBody(model="m", messages=[message], keep_alive=-1, think=False)))
        list(client.create(CreateBody(model="n", from_="m", system="s")))
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert b"authorization: bearer t0k" in head.lower()
    assert json.loads(body) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi", "images": ["AAE="]}],
        "keep_alive": -1,
        "think": False,
    }
    assert json.loads(server.requests[1].partition(b"\r\n\r\n")[2]) == {
        "model": "n",
        "from": "m",
        "system": "s",
    }


def test_blobs_are_looked_for_and_uploaded_with_progress(tmp_path: Path) -> None:
    content = b"x" * (2 * 1024 * 1024 + 5)
    path = tmp_path / "blob"
    path.write_bytes(content)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    seen: list[tuple[int, int]] = []
    with (
        ScriptedServer(
            [http("404 Not Found", b"")], [http("201 Created", b"")], [http("200 OK", b"")]
        ) as server,
        Client(server.url) as client,
    ):
        assert not client.has_blob(digest)
        client.upload_blob(digest, path, lambda sent, total: seen.append((sent, total)))
        assert client.has_blob(digest)
    assert seen[-1] == (len(content), len(content))
    assert seen == sorted(seen)
    assert server.requests[1].endswith(content)
    assert server.requests[1].startswith(f"POST /api/blobs/{digest} HTTP/1.1\r\n".encode())


def test_a_refused_upload_carries_the_servers_text(tmp_path: Path) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"x")
    answer = http("400 Bad Request", b'{"error":"digest mismatch, expected \\"a\\", got \\"b\\""}')
    with ScriptedServer([answer]) as server, Client(server.url) as client:
        with pytest.raises(ResponseError, match="digest mismatch"):
            client.upload_blob("sha256:00", path)


def test_a_reset_connection_is_a_broken_stream() -> None:
    with ScriptedServer([reset]) as server, Client(server.url) as client:
        with pytest.raises(StreamBrokenError):
            client.delete("m")


@pytest.mark.parametrize("priority", ["interactive", "normal", "background"])
def test_the_priority_goes_with_every_request(priority: Priority) -> None:
    answer = http("200 OK", b'{"models":null}')
    with ScriptedServer([answer]) as server, Client(server.url, priority=priority) as client:
        client.list_models()
        (request,) = server.requests
    header = f"x-corral-priority: {priority}".encode()
    assert (header in request.lower()) == (priority != "normal")
