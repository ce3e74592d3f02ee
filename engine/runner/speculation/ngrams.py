"""Where in a sequence its own end has occurred before. Pure.

A rolling hash over the last tokens leads to the place behind their latest earlier occurrence, so
a token costs the same few operations however long the sequence is.
"""

from collections.abc import Sequence

_BASE = 1_000_003
_MASK = (1 << 61) - 1


class NgramIndex:
    """All runs of `length` tokens of one growing sequence."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._oldest = pow(_BASE, length, _MASK + 1)
        self._places: dict[int, int] = {}
        self._hash = 0
        self._count = 0

    def extend(self, tokens: Sequence[int]) -> None:
        """Take in what `tokens`, the whole sequence, has more than the last time."""
        length, oldest, places = self._length, self._oldest, self._places
        value = self._hash
        for position in range(self._count, len(tokens)):
            # The run that ends right here is the question, never the answer.
            if position >= length:
                places[value] = position
            value = (value * _BASE + tokens[position] + 1) & _MASK
            if position >= length:
                value = (value - (tokens[position - length] + 1) * oldest) & _MASK
        self._hash = value
        self._count = len(tokens)

    def find(self, tokens: Sequence[int]) -> int:
        """Where the sequence went on the last time it came by here; -1 if it never did.

        `tokens` is what `extend` got last.
        """
        place = self._places.get(self._hash, -1) if self._count > self._length else -1
        if place < 0:
            return -1
        length, end = self._length, len(tokens)
        same = tokens[place - length : place] == tokens[end - length : end]
        return place if same else -1
