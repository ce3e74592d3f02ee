"""What the prefix cache holds besides the live sequences: host memory, then disk. Engine-loop
thread only (the disk's threads are its own)."""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.runner.prefix.disk import DiskTier
from engine.runner.prefix.ram import RamTier, usable_prefix
from engine.runner.sequence_state import SequenceState, SequenceStates

MIN_GAIN = 32
"""Fewer tokens than this are evaluated rather than fetched, or waited for."""
_MAX_RATIO = 16
"""A state of more than so many times the tokens that it saves is not worth moving."""
MIN_UNSAVED = 256
"""New tokens that make writing a sequence to disk worth while."""
_UNSAVED_SHARE = 8
"""Long sequences are rewritten less often: when an eighth of them is new, so that the bytes
written stay within a small multiple of the bytes kept."""


@dataclass(frozen=True)
class Found:
    """A state that saves `length` tokens of a prompt."""

    length: int
    state: SequenceState


def is_worth_moving(gain: int, num_tokens: int) -> bool:
    """Whether saving `gain` tokens pays for restoring a state of `num_tokens`."""
    return gain >= MIN_GAIN and gain * _MAX_RATIO >= num_tokens


class PrefixTiers:
    """Close it: writes under way are given a little time."""

    def __init__(
        self, states: SequenceStates, ram_budget_bytes: int = 0, disk: DiskTier | None = None
    ) -> None:
        self._states = states
        self._can_cut = states.can_copy
        self.ram = RamTier(ram_budget_bytes, can_cut=self._can_cut)
        self._disk = disk

    def find(self, prompt: list[int], limit: int) -> Found | None:
        """The state at hand that saves most; at most `limit` tokens count."""
        length, state = self.ram.find(prompt, limit)
        for fetched in self._fetched():
            saved = usable_prefix(fetched, prompt, limit, can_cut=self._can_cut)
            if saved > length:
                length, state = saved, fetched
        return Found(length, state) if state is not None and length else None

    def _fetched(self) -> Iterator[SequenceState]:
        return iter(self._disk.fetched) if self._disk else iter(())

    def used(self, state: SequenceState) -> None:
        """It has been restored."""
        self.ram.touch(state)
        if self._disk:
            self._disk.forget_fetched(state)

    def fetch(self, prompt: list[int], limit: int, have: int) -> bool:
        """Whether a better state than one that saves `have` tokens is on its way from disk.

        Starts reading if there is one; when it has arrived `find` finds it.
        """
        if self._disk is None:
            return False
        match = self._disk.find(prompt, limit, can_cut=self._can_cut)
        if match is None or not is_worth_moving(match.length - have, match.num_tokens):
            return False
        return self._disk.fetch(match)

    def wait_fetch(self, timeout_s: float) -> None:
        """Until a read has ended, or the time is over."""
        if self._disk:
            self._disk.wait_fetch(timeout_s)

    def keep(self, sequence: int, tokens: list[int]) -> SequenceState | None:
        """Copy a sequence that is about to go to host memory, if it is not there yet."""
        if not tokens or self.ram.covers(tokens):
            return None
        size_bytes = self._states.measure(sequence) + 8 * len(tokens)
        if not self.ram.can_hold(size_bytes):
            return None
        self.ram.make_room(size_bytes)
        state = self._states.save(sequence, tokens)
        if state is not None:
            self.ram.put(state)
        return state

    def is_worth_saving(self, num_tokens: int, num_saved: int) -> bool:
        """Whether a sequence should go to disk, where its first `num_saved` tokens are."""
        needed = max(MIN_UNSAVED, num_tokens // _UNSAVED_SHARE)
        return self._disk is not None and num_tokens - num_saved >= needed

    def is_on_disk(self, tokens: list[int]) -> bool:
        """Whether a sequence would be found there."""
        return self._disk is not None and self._disk.holds(tokens)

    def save(self, sequence: int, tokens: list[int], state: SequenceState | None = None) -> bool:
        """Write a sequence (or its `state`, if it has been copied already) to disk, later.

        False: not now, the writer is busy.
        """
        disk = self._disk
        if disk is None or disk.holds(tokens):
            return True
        if not disk.can_take(self._states.measure(sequence) if state is None else state.size_bytes):
            return False
        state = state or self._states.save(sequence, tokens)
        if state is not None:
            disk.write(state, supersede=self._can_cut)
        return True

    def tidy(self) -> None:
        """Drop what was fetched for requests that are gone."""
        if self._disk:
            self._disk.drop_stale()

    def close(self, deadline_s: float) -> None:
        """Finish the writes under way, as far as the time allows."""
        if self._disk:
            self._disk.close(deadline_s)
