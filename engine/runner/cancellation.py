"""Which requests are cancelled, and whether the running decode serves anyone else.

Shared by the reader thread (which learns of a cancellation while a decode runs) and the engine
loop; the lock is held for a few instructions only.
"""

import threading
from collections.abc import Iterable

from engine.runner.llama import AbortFlag


class Cancellation:
    """Raises the abort flag once every request in the running decode is cancelled."""

    def __init__(self, flag: AbortFlag) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._stopped = False

    def begin(self, request_ids: Iterable[int]) -> None:
        """A decode that serves these requests is about to start."""
        with self._lock:
            self._running = set(request_ids)
            if not self._stopped:
                self._flag.clear()

    def cancel(self, request_id: int) -> None:
        """Any thread. The request still has to be ended by the engine loop."""
        with self._lock:
            if request_id in self._running:
                self._running.discard(request_id)
                if not self._running:
                    self._flag.raise_()

    def stop(self) -> None:
        """Any thread. The process ends: no decode is worth finishing any more."""
        with self._lock:
            self._stopped = True
            self._flag.raise_()

    @property
    def stopped(self) -> bool:
        return self._stopped
