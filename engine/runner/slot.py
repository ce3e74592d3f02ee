"""The sequences of a context, who uses them and what they remember. Engine-loop thread only."""

from collections.abc import Sequence
from itertools import count

from engine.runner.generation import Generation
from engine.runner.llama import Context
from engine.runner.prompt import clamp_keep

_MIN_SHARED = 0.1
"""A prefix shorter than this share of the prompt does not justify throwing away what else its
slot remembers; llama-server draws the line at the same place."""


class Slot:
    """One sequence of the context."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.tokens: list[int] = []
        """What the context holds for this sequence, from position 0 on."""
        self.generation: Generation | None = None
        self.used_at = 0

    @property
    def pending(self) -> int:
        """Prompt tokens still to be evaluated."""
        generation = self.generation
        if generation is None or generation.is_generating:
            return 0
        return len(generation.prompt) - len(self.tokens)


class SlotTable:
    """All slots of a context."""

    def __init__(self, context: Context, num_slots: int, num_ctx: int) -> None:
        self.slots = [Slot(index) for index in range(num_slots)]
        self._context = context
        self._num_ctx = num_ctx
        self._clock = count(1)

    @property
    def working(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.generation is not None]

    @property
    def num_tokens(self) -> int:
        return sum(len(slot.tokens) for slot in self.slots)

    def find_idle(self, prompt: Sequence[int]) -> Slot | None:
        """The idle slot to use for a prompt: longest common prefix, else least recently used."""
        idle = [slot for slot in self.slots if slot.generation is None]
        if not idle:
            return None
        best = max(idle, key=lambda slot: common_prefix(slot.tokens, prompt))
        if common_prefix(best.tokens, prompt) > _MIN_SHARED * len(prompt):
            return best
        return min(idle, key=lambda slot: slot.used_at)

    def assign(self, slot: Slot, generation: Generation) -> None:
        """Give the slot to a request and forget what the prompt does not share."""
        # The last prompt token is always evaluated: its logits are needed.
        shared = min(common_prefix(slot.tokens, generation.prompt), len(generation.prompt) - 1)
        self.trim(slot, shared)
        generation.cached = len(slot.tokens)
        slot.generation = generation
        slot.used_at = next(self._clock)

    def release(self, slot: Slot) -> None:
        """The request is over. What was evaluated stays, for the next one with that prefix."""
        if slot.generation is not None:
            slot.generation.close()
            slot.generation = None

    def trim(self, slot: Slot, length: int) -> None:
        """Keep the first `length` tokens only; all or nothing where the memory can't be cut."""
        if length == len(slot.tokens) == self._context.last_position(slot.index) + 1:
            return
        kept = self._context.cut(slot.index, length)
        del slot.tokens[length if kept else 0 :]

    def make_room(self, slot: Slot, generation: Generation, *, bos: bool) -> bool:
        """Room for one more token, dropping half of what follows the kept ones if need be.

        False: the context is full and stays so.
        """
        used = len(slot.tokens)
        if used < self._num_ctx:
            return True
        if not (generation.command.shift and self._context.can_shift):
            return False
        keep = clamp_keep(generation.command.num_keep, bos, self._num_ctx)
        end = keep + max(1, (used - keep) // 2)
        self._context.shift(slot.index, keep, end)
        del slot.tokens[keep:end]
        return True

    def room(self, slot: Slot) -> int:
        """Tokens that the slot's context still has place for."""
        return self._num_ctx - len(slot.tokens)

    def clear(self) -> None:
        """Forget everything, used slots included."""
        self._context.clear()
        for slot in self.slots:
            slot.tokens.clear()


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many leading tokens two sequences share."""
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index
    return min(len(left), len(right))
