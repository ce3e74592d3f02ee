"""Answers over real connections: errors, disconnects and shutdown at every point."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from fastapi import FastAPI

from api.ollama.replies import ChatTranslator
from api.openai.replies import ChatCompletionTranslator
from api.server.streaming import Answer
from engine.candidates import side_by_side
from engine.completion import Delta, Done, Event
from engine.errors import ModelNotFoundError, QueueFullError, RunnerDiedError
from tests.api.live_server import wait_until
from tests.api.server.raw_socket import connection, read_all, read_head
from tests.api.server.small_app import served, small_app

Events = Callable[[], AsyncIterator[Event]]


class Script:
    """Events on cue, and whether their iterator was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.asked = threading.Event()

    async def endless(self) -> AsyncIterator[Event]:
        """One event, then a wait without end, as for a slow model."""
        try:
            yield Delta("first")
            self.asked.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.closed.set()

    async def silent(self) -> AsyncIterator[Event]:
        """No event at all, as while a model loads."""
        try:
            self.asked.set()
            await asyncio.get_running_loop().create_future()
            yield Delta("never")
        finally:
            self.closed.set()


async def breaks_at_once() -> AsyncIterator[Event]:
    raise ModelNotFoundError("x")
    yield Delta("never")


async def breaks_later() -> AsyncIterator[Event]:
    yield Delta("a")
    raise RunnerDiedError


async def has_a_bug() -> AsyncIterator[Event]:
    yield Delta("a")
    raise KeyError("/secret/path")


async def answers() -> AsyncIterator[Event]:
    yield Delta("a", "t")
    yield Delta("b<")
    yield Done("stop")


def app_with(events: Events) -> FastAPI:
    app = small_app()

    @app.get("/native")
    async def native(stream: bool = True) -> Answer:
        return Answer(events(), ChatTranslator("m"), stream=stream)

    @app.get("/v1/chat")
    async def openai(stream: bool = True) -> Answer:
        translator = ChatCompletionTranslator("m", include_usage=False)
        return Answer(side_by_side([events()]), translator, stream=stream)

    return app


def get(port: int, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def port_of(client) -> int:
    return client.base_url.port


def test_events_become_lines_and_one_object():
    with served(app_with(answers)) as (_, client):
        lines = [json.loads(line) for line in client.get("/native").text.splitlines()]
        assert [line["message"]["content"] for line in lines] == ["a", "b<", ""]
        assert [line["done"] for line in lines] == [False, False, True]
        assert lines[0]["message"]["thinking"] == "t"
        whole = client.get("/native?stream=false").json()
        assert whole["message"] == {"role": "assistant", "content": "ab<", "thinking": "t"}
        assert whole["done_reason"] == "stop"


@pytest.mark.parametrize("stream", ["true", "false"])
def test_an_error_before_the_first_byte_has_its_status(stream):
    with served(app_with(breaks_at_once)) as (_, client):
        native = client.get(f"/native?stream={stream}")
        assert (native.status_code, native.json()) == (404, {"error": "model 'x' not found"})
        assert native.headers["content-type"] == "application/json; charset=utf-8"
        openai = client.get(f"/v1/chat?stream={stream}")
        assert openai.status_code == 404
        assert openai.json() == {
            "error": {
                "message": "model 'x' not found",
                "type": "not_found_error",
                "param": None,
                "code": None,
            }
        }


def test_an_error_after_the_first_byte_ends_the_stream():
    with served(app_with(breaks_later)) as (_, client):
        native = client.get("/native")
        assert native.status_code == 200
        lines = [json.loads(line) for line in native.text.splitlines()]
        assert "runner has unexpectedly stopped" in lines[-1]["error"]
        events = client.get("/v1/chat").text.strip().split("\n\n")
        assert json.loads(events[-1].removeprefix("data: "))["error"]["type"] == "api_error"
        assert client.get("/native?stream=false").status_code == 500


def test_a_bug_is_logged_and_its_text_stays_here(caplog):
    caplog.set_level("ERROR", "api.server.errors")
    with served(app_with(has_a_bug)) as (_, client):
        assert json.loads(client.get("/native").text.splitlines()[-1]) == {
            "error": "internal server error"
        }
        whole = client.get("/native?stream=false")
        assert (whole.status_code, whole.json()) == (500, {"error": "internal server error"})
    assert "KeyError" in caplog.text


def test_a_full_queue_is_a_503():
    async def full() -> AsyncIterator[Event]:
        raise QueueFullError
        yield Delta("never")

    with served(app_with(full)) as (_, client):
        answer = client.get("/native")
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "server busy, please try again.  maximum pending requests exceeded"
    }


@pytest.mark.parametrize("path", ["/native", "/native?stream=false", "/v1/chat"])
def test_a_client_that_leaves_closes_the_events(path):
    script = Script()
    app = app_with(script.endless)
    with served(app) as (_, client):
        with connection(port_of(client)) as sock:
            sock.sendall(get(port_of(client), path))
            assert script.asked.wait(5)
            assert not script.closed.is_set()
        assert script.closed.wait(2)
        wait_until(lambda: app.state.activity.active_requests == 0)


@pytest.mark.parametrize("path", ["/native", "/native?stream=false"])
def test_a_client_that_leaves_before_the_first_event_closes_the_events(path):
    script = Script()
    with served(app_with(script.silent)) as (_, client):
        with connection(port_of(client)) as sock:
            sock.sendall(get(port_of(client), path))
            assert script.asked.wait(5)
        assert script.closed.wait(2)


def test_shutdown_ends_streams_with_an_error_and_waiting_requests_with_a_503():
    streaming, waiting = Script(), Script()
    app = app_with(streaming.endless)

    @app.get("/waiting")
    async def wait() -> Answer:
        return Answer(waiting.silent(), ChatTranslator("m"), stream=True)

    with served(app) as (thread, client):
        port = port_of(client)
        with connection(port) as first, connection(port) as second:
            first.sendall(get(port, "/native"))
            second.sendall(get(port, "/waiting"))
            assert streaming.asked.wait(5)
            assert waiting.asked.wait(5)
            assert thread.stop(5)
            assert b'{"error":"server is shutting down"}' in read_all(first)
            answer = read_head(second) + read_all(second)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b'{"error":"server is shutting down"}' in answer
    assert streaming.closed.is_set()
    assert waiting.closed.is_set()


def test_a_slow_reader_gets_every_event_in_order():
    async def many() -> AsyncIterator[Event]:
        for number in range(20_000):
            yield Delta(f"{number},")
        yield Done("stop")

    with (
        served(app_with(many)) as (_, client),
        connection(port_of(client)) as sock,
    ):
        sock.sendall(get(port_of(client), "/native"))
        data = b""
        while b'"done":true' not in data[-400:]:
            data += sock.recv(7_000)
    assert data.count(b'"content":"') == 20_001
    assert data.index(b'"10,"') < data.index(b'"19999,"')
