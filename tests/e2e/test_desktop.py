"""The tray app as a user meets it: a real X server, window manager and tray."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.desktop_session import DesktopApp, XSession, wait_for

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def session(isolated_home: Path) -> Iterator[XSession]:
    started = XSession(isolated_home)
    yield started
    started.close()


def _assert_gone(app: DesktopApp, family: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    assert not app.is_listening()


def test_chat_tray_and_quit(session: XSession) -> None:
    session.start_tray()
    app = DesktopApp(session)
    try:
        window = app.wait_for_window()
        wait_for(app.is_listening, "the server")
        # Typing may come before the models are there: the text waits in the composer.
        app.type(window, "Why is the sky blue?")
        if not app.messages():
            wait_for(lambda: _press_enter_until_sent(app), "the message to be sent")
        seen_streaming = False

        def answered() -> bool:
            nonlocal seen_streaming
            states = [state for role, state, _ in app.messages() if role == "assistant"]
            seen_streaming = seen_streaming or "streaming" in states
            return states == ["complete"]

        wait_for(answered, "the answer")
        assert seen_streaming
        (question, answer) = app.messages()
        assert question == ("user", "complete", "Why is the sky blue?")
        assert len(answer[2]) > 20
        family = app.family()
        assert len(family) == 2  # the app and the runner of the model

        _close(session, window)
        wait_for(lambda: not session.windows(), "the window to close")
        assert app.process.poll() is None
        assert app.is_listening()

        _click_tray(session, button=1)
        wait_for(session.windows, "the window to come back by the tray")

        second = subprocess.run(
            app.command, env=app.environment, cwd=Path(__file__).parents[2], timeout=30, check=False
        )
        assert second.returncode == 0
        assert app.process.poll() is None

        _click_tray(session, button=3)
        # The menu's last entry; Up from nowhere goes to the end.
        session.xdotool("key", "Up", "Return")
        wait_for(lambda: app.process.poll() is not None, "the end of the program")
        assert app.process.returncode == 0, app.log.read_text()
        _assert_gone(app, family)
    finally:
        app.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_mid_answer_ends_everything_and_keeps_the_text(
    session: XSession, number: signal.Signals
) -> None:
    session.start_tray()
    app = DesktopApp(session)
    try:
        window = app.wait_for_window()
        wait_for(app.is_listening, "the server")
        app.type(window, "Tell me a story.")
        wait_for(lambda: app.messages() or _press_enter_until_sent(app), "the message to be sent")
        wait_for(lambda: len(app.family()) == 2, "the runner")
        family = app.family()
        app.process.send_signal(number)
        assert app.process.wait(30) == 0
        _assert_gone(app, family)
        (question, answer) = app.messages()
        assert question == ("user", "complete", "Tell me a story.")
        assert answer[1] in ("stopped", "complete")
    finally:
        app.stop()


def test_hidden_start_shows_no_window_but_the_tray_icon(session: XSession) -> None:
    session.start_tray()
    app = DesktopApp(session, "--hidden")
    try:
        wait_for(app.is_listening, "the server")
        assert session.windows() == []
        _click_tray(session, button=1)
        wait_for(session.windows, "the window")
    finally:
        app.stop()
    assert app.process.returncode == 0


def test_without_a_tray_closing_the_window_quits(session: XSession) -> None:
    app = DesktopApp(session)
    try:
        window = app.wait_for_window()
        wait_for(app.is_listening, "the server")
        _close(session, window)
        assert app.process.wait(30) == 0
        assert not app.is_listening()
    finally:
        app.stop()


def _press_enter_until_sent(app: DesktopApp) -> bool:
    app.session.xdotool("key", "Return")
    return bool(app.messages())


def _close(session: XSession, window: str) -> None:
    """As the title bar's button does: the window manager asks the window to close."""
    session.xdotool("windowactivate", "--sync", window)
    session.xdotool("key", "alt+F4")


def _click_tray(session: XSession, button: int) -> None:
    wait_for(lambda: session.tray_icon() is not None, "the tray icon")
    x, y = session.tray_icon() or (0, 0)
    session.xdotool("mousemove", str(x), str(y), "click", str(button))
