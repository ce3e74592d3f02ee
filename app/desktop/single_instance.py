"""One desktop app per user: the second start asks the first to show its window and leaves.

A lock file decides who is first (it survives no crash); a local socket carries the request.
"""

import hashlib
import logging
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, Signal, Slot
from PySide6.QtNetwork import QLocalServer, QLocalSocket

logger = logging.getLogger(__name__)

ANSWER_DEADLINE_MS = 5000
_SHOW = b"show\n"
_DONE = b"done\n"


class InstanceError(Exception):
    """The first instance is there but does not answer; the message is for the user."""


class SingleInstance(QObject):
    """Hold it as long as the program runs. show_requested(): another start wants the window."""

    show_requested = Signal()

    def __init__(self, folder: Path) -> None:
        """`folder` holds the lock; one instance per folder."""
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = QLockFile(str(folder / "desktop.lock"))
        self._lock.setStaleLockTime(0)  # a lock is stale when its process is gone, never by age
        # The name, not a path: sockets have short paths, users' folders do not.
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:24]
        self._name = f"corral-{digest}"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)

    def claim(self) -> bool:
        """Whether this is the first instance; then it listens from now on."""
        if not self._lock.tryLock(0):
            return False
        QLocalServer.removeServer(self._name)  # what a killed instance left behind
        if not self._server.listen(self._name):
            logger.error("other starts cannot reach this one: %s", self._server.errorString())
        return True

    def ask_first_to_show(self) -> None:
        """Raise the first instance's window. Raises InstanceError if it does not answer."""
        connection = QLocalSocket()
        connection.connectToServer(self._name)
        answered = (
            connection.waitForConnected(ANSWER_DEADLINE_MS)
            and connection.write(_SHOW) == len(_SHOW)
            and connection.waitForBytesWritten(ANSWER_DEADLINE_MS)
            and connection.waitForReadyRead(ANSWER_DEADLINE_MS)
        )
        connection.abort()
        if not answered:
            raise InstanceError("Corral is already running, but it does not answer")

    def release(self) -> None:
        """Let the next start be the first."""
        self._server.close()
        self._lock.unlock()

    @Slot()
    def _on_connection(self) -> None:
        connection = self._server.nextPendingConnection()
        connection.setParent(self)
        connection.readyRead.connect(self._on_ready)
        connection.disconnected.connect(connection.deleteLater)
        if connection.bytesAvailable():
            self._answer(connection)

    @Slot()
    def _on_ready(self) -> None:
        connection = self.sender()
        assert isinstance(connection, QLocalSocket)
        self._answer(connection)

    def _answer(self, connection: QLocalSocket) -> None:
        if connection.readLine(64).data() == _SHOW:
            connection.write(_DONE)
            connection.flush()
            self.show_requested.emit()
