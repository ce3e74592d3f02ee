"""SIGINT and SIGTERM as a Qt signal. Python runs handlers only between its own instructions, so
a window that waits for events would not notice: the signal's number comes over a socket instead."""

import signal
import socket

from PySide6.QtCore import QObject, QSocketNotifier, Signal, Slot


class QuitSignals(QObject):
    """asked(): the system or the terminal wants the program to end. One per process."""

    asked = Signal()

    def __init__(self) -> None:
        """Main thread only."""
        super().__init__()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_readable)
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno())
        self._previous = {
            number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)
        }

    def close(self) -> None:
        """Put back what was there before."""
        self._notifier.setEnabled(False)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_fd)
        self._reader.close()
        self._writer.close()

    @Slot()
    def _on_readable(self) -> None:
        try:
            numbers = self._reader.recv(64)
        except BlockingIOError:
            return
        if numbers:
            self.asked.emit()


def _ignore(_number: int, _frame: object) -> None:
    """The number has been written to the socket; that is all there is to do."""
