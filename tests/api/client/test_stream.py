import threading

import pytest

from api.client.client import Client
from api.client.errors import ClientError, ResponseError, StreamBrokenError
from api.client.shapes import GenerateBody
from api.client.stream import MAX_LINE_BYTES
from tests.api.client.scripted_server import ScriptedServer, chunk, http, reset, stream_head

BODY = GenerateBody(model="m", prompt="hi")
PIECE = chunk(b'{"model":"m","response":"a","done":false}\n')
DEADLINE_S = 10.0


def test_a_connection_reset_in_mid_body_is_a_broken_stream() -> None:
    with ScriptedServer([stream_head(), PIECE, reset]) as server, Client(server.url) as client:
        stream = client.generate(BODY)
        assert next(stream).response == "a"
        with pytest.raises(StreamBrokenError):
            next(stream)


@pytest.mark.parametrize("ending", [b"", chunk(b"")])
def test_an_answer_without_its_last_object_is_a_broken_stream(ending: bytes) -> None:
    with ScriptedServer([stream_head(), PIECE, ending]) as server, Client(server.url) as client:
        stream = client.generate(BODY)
        assert next(stream).response == "a"
        with pytest.raises(StreamBrokenError):
            next(stream)


def test_an_error_line_is_raised_with_its_text() -> None:
    error = chunk(b'{"error":"an \\"error\\" occurred"}\n')
    with ScriptedServer([stream_head(), PIECE, error]) as server, Client(server.url) as client:
        stream = client.generate(BODY)
        assert next(stream).response == "a"
        with pytest.raises(ResponseError) as caught:
            next(stream)
    assert (caught.value.status, str(caught.value)) == (200, 'an "error" occurred')


def test_an_error_before_the_first_line_keeps_its_status() -> None:
    answer = http("503 Service Unavailable", b'{"error":"server busy"}')
    with ScriptedServer([answer]) as server, Client(server.url) as client:
        with pytest.raises(ResponseError) as caught:
            next(client.generate(BODY))
    assert caught.value.status == 503


@pytest.mark.parametrize("line", [b"<html>\n", b"[1]\n", b'{"response":3}\n', b'"\xff"\n'])
def test_a_line_that_is_no_reply_is_a_broken_stream(line: bytes) -> None:
    with ScriptedServer([stream_head(), chunk(line)]) as server, Client(server.url) as client:
        with pytest.raises(StreamBrokenError):
            next(client.generate(BODY))


def test_the_word_error_in_an_answer_is_text() -> None:
    line = chunk(b'{"model":"m","response":"\\"error\\": \\"no\\"","done":true}\n')
    with ScriptedServer([stream_head(), line]) as server, Client(server.url) as client:
        (reply,) = client.generate(BODY)
    assert reply.response == '"error": "no"'


def test_closing_ends_the_connection() -> None:
    server = ScriptedServer()
    server.scripts = [[stream_head(), PIECE, server.wait_for_hang_up]]
    with server, Client(server.url) as client:
        with client.generate(BODY) as stream:
            next(stream)
        assert server.hung_up.wait(DEADLINE_S)
        assert list(stream) == []


def test_closing_from_another_thread_ends_a_waiting_iteration() -> None:
    server = ScriptedServer()
    server.scripts = [[stream_head(), PIECE, server.wait_for_hang_up]]
    received: list[str] = []
    waits = threading.Event()
    with server, Client(server.url) as client:
        stream = client.generate(BODY)

        def consume() -> None:
            for reply in stream:
                received.append(reply.response)
                waits.set()

        reader = threading.Thread(target=consume)
        reader.start()
        assert waits.wait(DEADLINE_S)
        stream.close()
        reader.join(DEADLINE_S)
        assert not reader.is_alive()
        assert server.hung_up.wait(DEADLINE_S)
    assert received == ["a"]


def test_closing_works_before_the_server_has_answered() -> None:
    server = ScriptedServer()
    accepted = threading.Event()
    server.scripts = [[lambda _connection: accepted.set(), server.wait_for_hang_up]]
    failures: list[ClientError] = []
    with server, Client(server.url) as client:
        stream = client.generate(BODY)

        def consume() -> None:
            try:
                assert list(stream) == []
            except ClientError as exc:
                failures.append(exc)

        reader = threading.Thread(target=consume)
        reader.start()
        assert accepted.wait(DEADLINE_S)
        stream.close()
        reader.join(DEADLINE_S)
        assert not reader.is_alive()
    assert failures == []
    assert server.hung_up.is_set()


def test_a_stream_closed_before_it_began_sends_nothing(free_port: int) -> None:
    with Client(f"http://127.0.0.1:{free_port}") as client:
        stream = client.generate(BODY)
        stream.close()
        stream.close()
        assert list(stream) == []


def test_an_endless_line_is_refused() -> None:
    megabyte = chunk(b" " * 1024 * 1024)

    def flood(connection) -> None:
        try:
            for _ in range(MAX_LINE_BYTES // (1024 * 1024) + 2):
                connection.sendall(megabyte)
        except ConnectionError:
            pass

    with ScriptedServer([stream_head(), flood]) as server, Client(server.url) as client:
        with pytest.raises(StreamBrokenError, match="endless line"):
            next(client.generate(BODY))
