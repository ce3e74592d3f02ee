"""A thread that works off jobs in order. It starts with the first job."""

import contextlib
import os
import queue
import threading
from collections.abc import Callable

STOP_TIMEOUT_S = 10.0

Job = Callable[[], None]


class Worker:
    """Jobs must not raise. Close it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """One submitter thread only."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _run(self) -> None:
        _step_back()
        while (job := self._jobs.get()) is not None:
            job()

    def close(self) -> None:
        """Waits for the jobs that were submitted. Safe to call twice."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(STOP_TIMEOUT_S)
            self._thread = None


def _step_back() -> None:
    """Never take the processor from a thread that runs, where the system can promise that.

    A thread that wakes up pushes aside the one that woke it as a rule. That is the engine loop,
    which waits for its turn behind everything else then: 7 ms on a busy machine, not 25 us.
    """
    if hasattr(os, "SCHED_BATCH"):
        # Some sandboxes forbid it; nothing is lost but the advantage.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
