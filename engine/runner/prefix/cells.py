"""Which cells of a unified KV cache the sequences share, as far as counting needs it. Pure.

llama.cpp lets sequences share the cells of a common prefix and does not say how many cells are
used. A sequence's cells are runs: what it evaluated in one go is a run of its own, what it was
given by another one is a leading part of that one's runs.
"""

from collections.abc import Iterable
from itertools import count

_ids = count(1)


class Cells:
    """The runs of one sequence. The last one is open: it grows as the sequence does."""

    def __init__(self) -> None:
        self._closed: list[tuple[int, int]] = []
        """(run, length) pairs in order of position."""
        self._num_closed = 0
        self._open = next(_ids)

    def runs(self, length: int) -> list[tuple[int, int]]:
        """All runs of the sequence, which holds `length` tokens."""
        return [*self._closed, (self._open, length - self._num_closed)]

    def cut(self, length: int, kept: int) -> None:
        """The sequence went from `length` tokens to its first `kept`."""
        if kept == length:
            return
        self._replace(self.runs(length), kept)

    def share(self, source: "Cells", source_length: int, length: int) -> None:
        """The sequence now consists of the first `length` cells of another one."""
        self._replace(source.runs(source_length), length)

    def _replace(self, runs: list[tuple[int, int]], kept: int) -> None:
        self._closed = []
        self._num_closed = 0
        for run, size in runs:
            size = min(size, kept - self._num_closed)
            if size > 0:
                self._closed.append((run, size))
                self._num_closed += size
        # What follows is evaluated anew: cells that nobody else has.
        self._open = next(_ids)


def count_used(sequences: Iterable[tuple[Cells, int]]) -> int:
    """Cells that sequences of these lengths use together: shared ones count once."""
    longest: dict[int, int] = {}
    for cells, length in sequences:
        for run, size in cells.runs(length):
            # All that share a run share it from its start.
            longest[run] = max(size, longest.get(run, 0))
    return sum(longest.values())


def is_shared(cells: Cells, length: int, start: int, others: Iterable[tuple[Cells, int]]) -> bool:
    """Whether any cell from position `start` on belongs to one of the others too."""
    taken: dict[int, int] = {}
    for other, size in others:
        for run, part in other.runs(size):
            taken[run] = max(part, taken.get(run, 0))
    position = 0
    for run, size in cells.runs(length):
        if min(size, taken.get(run, 0)) > max(0, start - position):
            return True
        position += size
    return False
