"""Which loaded model makes room for another one (spec 6.3). Pure."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from engine.hardware.memory import SystemMemory

MEMORY_SHARE = 0.8
"""A further model may be predicted to take this much of the available memory."""


class Evictable(Protocol):
    """What the choice looks at."""

    @property
    def is_idle(self) -> bool:
        """No request uses it."""

    @property
    def keep_alive_s(self) -> float:
        """How long it would stay when idle; infinite: for ever."""

    @property
    def last_used(self) -> float:
        """When it last served, on a monotonic clock."""


E = TypeVar("E", bound=Evictable)


def choose_victim(candidates: Sequence[E]) -> E:
    """The first idle one, else the first whose requests are to be waited for.

    Order: shortest keep-alive first (so "for ever" comes last), then least recently used.
    """
    ordered = sorted(candidates, key=lambda one: (one.keep_alive_s, one.last_used))
    return next((one for one in ordered if one.is_idle), ordered[0])


def fits(predicted_bytes: int, loaded_bytes: int, memory: SystemMemory) -> bool:
    """Whether a model may join others that take `loaded_bytes`.

    Mapped weights look available to the operating system, being file cache, though their models
    need them; so what is known to be loaded is taken off the total as well.
    """
    available = min(memory.available_bytes, memory.total_bytes - loaded_bytes)
    return predicted_bytes <= MEMORY_SHARE * available
