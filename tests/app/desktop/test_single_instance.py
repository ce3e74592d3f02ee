import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.desktop.single_instance import InstanceError, SingleInstance

_SECOND = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from app.desktop.single_instance import SingleInstance
application = QCoreApplication([])
second = SingleInstance(Path(sys.argv[1]))
assert not second.claim()
second.ask_first_to_show()
"""


def test_second_start_raises_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert first.claim()
    shown: list[bool] = []
    first.show_requested.connect(lambda: shown.append(True))
    second = subprocess.Popen([sys.executable, "-c", _SECOND, str(tmp_path)])
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    first.release()
    assert (second.returncode, shown) == (0, [True])


def test_other_folder_is_another_instance(qtbot: QtBot, tmp_path: Path) -> None:
    one, other = SingleInstance(tmp_path / "a"), SingleInstance(tmp_path / "b")
    assert one.claim()
    assert other.claim()
    one.release()
    other.release()


def test_after_release_the_next_is_the_first(qtbot: QtBot, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert first.claim()
    first.release()
    second = SingleInstance(tmp_path)
    assert second.claim()
    second.release()


def test_killed_instance_blocks_nobody(qtbot: QtBot, tmp_path: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom PySide6.QtCore import QCoreApplication\n"
        "from app.desktop.single_instance import SingleInstance\n"
        "application = QCoreApplication([])\nfirst = SingleInstance(Path(sys.argv[1]))\n"
        "assert first.claim()\nos._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=20)
    assert killed.returncode == 9
    next_one = SingleInstance(tmp_path)
    assert next_one.claim()
    next_one.release()


def test_first_that_does_not_listen_is_a_clear_error(qtbot: QtBot, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert first.claim()
    first._server.close()
    with pytest.raises(InstanceError, match="already running, but it does not answer"):
        SingleInstance(tmp_path).ask_first_to_show()
    first.release()


def test_noise_on_the_socket_is_ignored(qtbot: QtBot, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert first.claim()
    shown: list[bool] = []
    first.show_requested.connect(lambda: shown.append(True))
    noise = QLocalSocket()
    noise.connectToServer(first._name)
    noise.write(b"x" * 1000 + b"\n")
    noise.flush()
    noise.disconnectFromServer()
    qtbot.waitUntil(lambda: noise.state() == QLocalSocket.LocalSocketState.UnconnectedState)
    first.release()
    assert shown == []
