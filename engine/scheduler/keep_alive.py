"""How long an idle model stays loaded (spec 6.2). Event-loop thread only."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

FOREVER_S = 100 * 365.25 * 86_400.0
"""Longer than this counts as for ever, so that no clock or date overflows."""


def normalise(keep_alive_s: float) -> float:
    """Seconds as the scheduler keeps them: infinite for negative (spec 2.2) or absurd values."""
    return keep_alive_s if 0 <= keep_alive_s < FOREVER_S else float("inf")


class IdleTimer:
    """Calls back once when a model has been idle for long enough."""

    def __init__(self, on_expired: Callable[[], None]) -> None:
        self._on_expired = on_expired
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def start(self, keep_alive_s: float) -> None:
        """(Re)start the countdown. An infinite one never ends."""
        self.cancel()
        if keep_alive_s != float("inf"):
            self._handle = self._loop.call_later(keep_alive_s, self._on_expired)

    def cancel(self) -> None:
        """The model is in use again, or gone."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def expires_at(self, keep_alive_s: float) -> datetime | None:
        """When the model will be unloaded; None: never.

        While the countdown does not run (the model is busy or loading) this is what it would be
        if the model went idle now.
        """
        if keep_alive_s == float("inf"):
            return None
        left_s = keep_alive_s
        if self._handle is not None:
            left_s = max(0.0, self._handle.when() - self._loop.time())
        return datetime.now(UTC) + timedelta(seconds=left_s)
