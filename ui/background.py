"""Work off the UI thread: one helper whose default on failure is to show it.

The work gets no widgets and returns a value; what to do with it runs on the UI thread.
"""

import logging
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal, Slot

logger = logging.getLogger(__name__)


class _Outcome(QObject):
    """Lives on the UI thread; the worker emits on it."""

    finished = Signal(object, object)  # result, exception or None


class _Job(QRunnable):
    def __init__(self, work: Callable[[], Any], outcome: _Outcome) -> None:
        super().__init__()
        self._work = work
        self._outcome = outcome

    def run(self) -> None:
        try:
            result = self._work()
        except Exception as exc:  # noqa: BLE001  # thread entry: every failure reaches the owner
            self._outcome.finished.emit(None, exc)
        else:
            self._outcome.finished.emit(result, None)


class Background(QObject):
    """Runs functions on the thread pool for one owner; results of a dead owner are dropped.

    failed(Exception): a job without an `on_failed` of its own went wrong.
    """

    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pending: dict[_Outcome, tuple[Callable[[Any], None], Any]] = {}

    def start(
        self,
        work: Callable[[], Any],
        on_done: Callable[[Any], None],
        on_failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """Run `work` elsewhere, then one of the two callbacks here."""
        # No Qt parent: the worker must be able to emit on it after this owner is gone.
        outcome = _Outcome()
        outcome.finished.connect(self._on_finished)
        self._pending[outcome] = (on_done, on_failed)
        QThreadPool.globalInstance().start(_Job(work, outcome))

    @Slot(object, object)
    def _on_finished(self, result: object, error: Exception | None) -> None:
        outcome = self.sender()
        assert isinstance(outcome, _Outcome)
        on_done, on_failed = self._pending.pop(outcome)
        outcome.deleteLater()
        if error is None:
            on_done(result)
        elif on_failed is not None:
            on_failed(error)
        else:
            logger.info("background work failed: %r", error)
            self.failed.emit(error)
