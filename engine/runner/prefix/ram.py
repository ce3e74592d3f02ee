"""States of sequences in host memory, least recently used ones first to go. Engine-loop thread
only."""

from collections import OrderedDict

from engine.runner.prefix.radix import RadixIndex, common_prefix
from engine.runner.sequence_state import SequenceState


class RamTier:
    """Never holds more than its budget."""

    def __init__(self, budget_bytes: int, *, can_cut: bool) -> None:
        """`can_cut`: a state serves every prompt that shares a prefix with it; otherwise only
        those that begin with all of it."""
        self._budget_bytes = budget_bytes
        self._can_cut = can_cut
        self._entries: OrderedDict[int, SequenceState] = OrderedDict()
        self._index: RadixIndex[int] = RadixIndex()
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def can_hold(self, size_bytes: int) -> bool:
        """Whether a state of that size would fit if everything else went."""
        return size_bytes <= self._budget_bytes

    def covers(self, tokens: list[int]) -> bool:
        """Whether a state is there that makes one of `tokens` superfluous."""
        if self._can_cut:
            return self._index.find_longest(tokens)[0] == len(tokens)
        return any(length == len(tokens) for length, _ in self._index.find_contained(tokens))

    def put(self, state: SequenceState) -> None:
        """Keep a state, at the cost of the least recently used ones."""
        if not self.can_hold(state.size_bytes) or self.covers(state.tokens):
            return
        if self._can_cut:
            for _, key in list(self._index.find_contained(state.tokens)):
                self._drop(key)
        self.make_room(state.size_bytes)
        # The id is unique for as long as the entry is there.
        self._entries[id(state)] = state
        self._index.insert(state.tokens, id(state))
        self.used_bytes += state.size_bytes

    def find(self, prompt: list[int], limit: int) -> tuple[int, SequenceState | None]:
        """The state that saves most tokens of a prompt, and how many; at most `limit`."""
        best: tuple[int, int | None] = (0, None)
        if self._can_cut:
            best = self._index.find_longest(prompt)
        else:
            for length, key in self._index.find_contained(prompt):
                if length <= limit:
                    best = (length, key)
        length, found = best
        if found is None:
            return 0, None
        return min(length, limit), self._entries[found]

    def find_branch(self, prompt: list[int]) -> int:
        """How much of a prompt any state shares, usable or not."""
        return self._index.find_longest(prompt)[0]

    def touch(self, state: SequenceState) -> None:
        """It was of use."""
        if id(state) in self._entries:
            self._entries.move_to_end(id(state))

    def make_room(self, size_bytes: int) -> None:
        """Drop the least recently used states until one of that size fits, or none is left.

        Call it before such a state is made, so that memory holds no more than the budget then.
        """
        while self._entries and self.used_bytes + size_bytes > self._budget_bytes:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: int) -> None:
        state = self._entries.pop(key)
        self._index.remove(state.tokens, key)
        self.used_bytes -= state.size_bytes


def usable_prefix(state: SequenceState, prompt: list[int], limit: int, *, can_cut: bool) -> int:
    """How many tokens of a prompt a state saves, at most `limit`."""
    shared = common_prefix(state.tokens, prompt)
    if can_cut:
        return min(shared, limit)
    return shared if shared == len(state.tokens) <= limit else 0
