"""The requests that wait for a model to be loaded, first come, first served. Event-loop thread."""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from engine.errors import EngineError, QueueFullError
from engine.library.model import Model
from engine.options import Options
from engine.scheduler.resident import Resident


@dataclass(frozen=True)
class Wish:
    """What a request wants of a model."""

    model: Model
    options: Options
    keep_alive_s: float | None
    embedding: bool = False
    """Vectors or scores are wanted, not text: the model needs a runner of the other kind."""
    alone: bool = False
    """All other models must leave first: there was not enough memory beside them."""


class Waiter:
    """One request in the line."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self._granted: asyncio.Future[Resident] = asyncio.get_running_loop().create_future()

    @property
    def is_waiting(self) -> bool:
        """Neither served nor withdrawn."""
        return not self._granted.done()

    def grant(self, resident: Resident) -> None:
        """Give it a model; the reference is counted on its behalf."""
        if self.is_waiting:
            resident.attach(self.wish.keep_alive_s)
            self._granted.set_result(resident)

    def fail(self, error: EngineError) -> None:
        """Turn it away."""
        if self.is_waiting:
            self._granted.set_exception(error)

    async def wait(self) -> Resident:
        """Until granted; gives the reference back if the waiting task is cancelled meanwhile."""
        try:
            return await self._granted
        except asyncio.CancelledError:
            granted = self._granted
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                granted.result().release()
            raise


class WaitingLine:
    """A bounded FIFO. The first one in it is being placed and does not count."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiters: deque[Waiter] = deque()

    def __len__(self) -> int:
        return len(self._waiters)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(tuple(self._waiters))

    @property
    def first(self) -> Waiter | None:
        """Whose turn it is."""
        return self._waiters[0] if self._waiters else None

    def join(self, wish: Wish) -> Waiter:
        """Stand at the end. Raises QueueFullError."""
        if len(self._waiters) > self._max_waiting:
            raise QueueFullError
        waiter = Waiter(wish)
        self._waiters.append(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """No longer in the line, wherever it stood."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def dismiss(self, error_type: type[EngineError]) -> None:
        """Turn everybody away."""
        while self._waiters:
            self._waiters.popleft().fail(error_type())
