"""Fixtures of the window's tests: no screen, and servers to talk to."""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before the first QApplication

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from tests.ui.scripted_server import ScriptedServer
from ui.chats.store import ChatStore
from ui.theme import LIGHT, ThemeSource


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The platform without a screen says this whenever a window has a size limit."""
    for item in items:
        if "tests/ui" in item.path.as_posix():
            item.add_marker(pytest.mark.qt_log_ignore("does not support propagateSizeHints"))


@pytest.fixture(scope="session", autouse=True)
def styled(qapp: QApplication) -> QApplication:
    """The application as the program sets it up."""
    qapp.setStyle("Fusion")
    ThemeSource(qapp, forced=LIGHT)
    return qapp


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ChatStore]:
    """An empty store of chats."""
    opened = ChatStore(tmp_path / "chats.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A server that answers what the test tells it to."""
    server = ScriptedServer()
    yield server
    server.close()
