"""Who gets the cells of the context when they do not suffice for all. Engine-loop thread only.

There may be more slots than the cells could fill at once: a lone request may use the whole
context, and many short ones run together. When the cells run out, first what idle slots remember
goes, then the youngest requests leave for host memory. They come back as soon as there is room.
"""

from collections.abc import Iterator

from engine.runner.generation import Generation
from engine.runner.slot import Slot, SlotTable, Swapped

_HEADROOM = 64
"""Cells to spare for a request that comes (back) in, so that it does not leave at once."""


class CellPool:
    """The cells of a context, and the requests that wait outside for some."""

    def __init__(self, slots: SlotTable, *, is_short: bool) -> None:
        """`is_short`: full slots could need more cells than there are."""
        self._slots = slots
        self._is_short = is_short
        self._swapped: list[Swapped] = []

    def __iter__(self) -> Iterator[Generation]:
        """Requests that are swapped out."""
        return iter([swapped.generation for swapped in self._swapped])

    def __len__(self) -> int:
        return len(self._swapped)

    @property
    def num_free(self) -> int | None:
        """Free cells; None: as many as anybody could use."""
        return self._slots.num_free_cells if self._is_short else None

    def make_room(self, count: int) -> None:
        """Have `count` cells free, if need be at the cost of the youngest requests; the oldest
        one is never among them."""
        while self._is_short and not self._slots.reclaim(count):
            working = self._slots.working
            if len(working) < 2 or not self._swap_out(max(working, key=_age)):
                return

    def _swap_out(self, slot: Slot) -> bool:
        swapped = self._slots.swap_out(slot)
        if swapped is None:
            return False
        self._swapped.append(swapped)
        return True

    def can_admit(self, prompt: list[int]) -> bool:
        """Whether a new request with that prompt would find room."""
        if not self._is_short or not (self._slots.working or self._swapped):
            return True
        return not self._swapped and self._slots.has_room(prompt, _HEADROOM)

    def resume(self) -> None:
        """Put those back for whom there is room, the most urgent first."""
        self._swapped.sort(key=lambda swapped: swapped.generation.urgency)
        while self._swapped:
            swapped = self._swapped[0]
            idle = self._slots.idle
            if not idle:
                return
            needed = len(swapped.state.tokens) + _HEADROOM
            if self._slots.working and not self._slots.reclaim(needed):
                return
            slot = min(idle, key=lambda slot: (bool(slot.tokens), slot.used_at))
            if not self._slots.swap_in(slot, swapped):
                return
            del self._swapped[0]

    def drop(self, generation: Generation) -> None:
        """A request that is swapped out ends."""
        self._swapped = [one for one in self._swapped if one.generation is not generation]
        generation.close()


def _age(slot: Slot) -> tuple[int, int]:
    urgency = slot.generation.urgency if slot.generation is not None else 0
    return urgency, slot.used_at
