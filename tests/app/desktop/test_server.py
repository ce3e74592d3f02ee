import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pytestqt.qtbot import QtBot

from api.client.client import Client
from app.desktop.preferences import save_preferences
from app.desktop.server import LocalServer
from app.paths import settings_file
from app.settings import load_settings
from ui.server_state import ServerPhase, ServerState

Starter = Callable[[], LocalServer]


class _Version(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        body = b'{"version":"0.9.9"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Foreign:
    """Another program's healthy server."""

    def __init__(self, port: int) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", port), _Version)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


@pytest.fixture
def start(qtbot: QtBot, free_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Starter]:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port}")
    made: list[LocalServer] = []

    def starter() -> LocalServer:
        server = LocalServer(load_settings(), check_interval_s=0.1)
        made.append(server)
        server.start()
        return server

    yield starter
    assert all(server.stop() for server in made)


def _wait(qtbot: QtBot, server: LocalServer, phase: ServerPhase) -> ServerState:
    qtbot.waitUntil(lambda: server.state.phase == phase, timeout=30_000)
    return server.state


def test_own_server_answers_and_stops(
    qtbot: QtBot, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    server = start()
    state = _wait(qtbot, server, ServerPhase.OWN)
    with Client(state.url) as client:
        assert client.version().corral
        assert [m.name for m in client.list_models()] == ["tiny:latest"]
        assert server.stop()
        assert not client.is_alive()
    assert server.state.phase == ServerPhase.STOPPED


def test_setting_changed_in_the_window_reaches_the_server(
    qtbot: QtBot, start: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    server = start()
    _wait(qtbot, server, ServerPhase.OWN)
    save_preferences(settings_file(), {"context_length": 4096})
    with qtbot.waitSignal(
        server.changed,
        timeout=30_000,
        check_params_cb=lambda state: state.phase == ServerPhase.OWN,
    ):
        server.restart()
    assert server._settings.context_length == 4096


def test_healthy_foreign_server_is_used_and_left_running(
    qtbot: QtBot, start: Starter, free_port: int
) -> None:
    foreign = Foreign(free_port)
    server = start()
    state = _wait(qtbot, server, ServerPhase.FOREIGN)
    assert state.sentence == f"Using Ollama 0.9.9 on 127.0.0.1:{free_port}"
    assert server.stop()
    with Client(state.url) as client:
        assert client.version().version == "0.9.9"
    foreign.close()


def test_when_the_foreign_server_goes_ours_takes_its_place(
    qtbot: QtBot, start: Starter, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    foreign = Foreign(free_port)
    server = start()
    _wait(qtbot, server, ServerPhase.FOREIGN)
    foreign.close()
    _wait(qtbot, server, ServerPhase.OWN)


def test_port_taken_by_something_else_is_a_sentence_and_can_be_tried_again(
    qtbot: QtBot, start: Starter, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR")
    with socket.create_server(("127.0.0.1", free_port)) as mute:
        mute.listen()
        server = start()
        state = _wait(qtbot, server, ServerPhase.FAILED)
        assert state.problem.startswith(f"port {free_port} is taken by another program")
    server.restart()
    _wait(qtbot, server, ServerPhase.OWN)


def test_remote_server_that_is_not_there_is_not_started_here(
    qtbot: QtBot, start: Starter, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"https://127.0.0.1:{free_port}")
    state = _wait(qtbot, start(), ServerPhase.FAILED)
    assert state.problem == f"no server answers at https://127.0.0.1:{free_port}"
