"""The sequences of a context, who uses them and what they remember. Engine-loop thread only."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from engine.runner.generation import Generation
from engine.runner.llama import Context
from engine.runner.prefix.cells import Cells, count_used, is_shared
from engine.runner.prefix.checkpoints import plan_checkpoints
from engine.runner.prefix.radix import common_prefix
from engine.runner.prefix.tiers import MIN_GAIN, PrefixTiers, is_worth_moving
from engine.runner.prompt import clamp_keep
from engine.runner.sequence_state import SequenceState, SequenceStates

_MIN_SHARED = 0.1
"""A prefix shorter than this share of the prompt does not justify throwing away what else its
slot remembers; llama-server draws the line at the same place."""
_MIN_TAIL = 256
"""Tokens behind a shared prefix that are worth an empty slot, or a copy in host memory."""


class Slot:
    """One sequence of the context."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.tokens: list[int] = []
        """What the context holds for this sequence, from position 0 on."""
        self.generation: Generation | None = None
        self.used_at = 0
        self.cells = Cells()
        self.checkpoints: list[int] = []
        """Lengths at which the state is to be kept, ascending; prompt chunks end there."""
        self.altered_from: int | None = None
        """From this position on the state is not what evaluating `tokens` would give: the
        context was shifted."""
        self.num_saved = 0
        """Leading tokens that are on disk."""
        self.is_unsaved = False
        """A request has left something behind that nobody has looked at yet."""

    @property
    def pending(self) -> int:
        """Prompt tokens still to be evaluated."""
        generation = self.generation
        if generation is None or generation.is_generating:
            return 0
        return len(generation.prompt) - len(self.tokens)

    @property
    def chunk_limit(self) -> int:
        """Most prompt tokens that the next step may evaluate."""
        return self.checkpoints[0] - len(self.tokens) if self.checkpoints else self.pending

    @property
    def true_length(self) -> int:
        """Leading tokens whose state is what evaluating them would give."""
        length = len(self.tokens)
        return length if self.altered_from is None else min(length, self.altered_from)

    def forget(self, length: int) -> None:
        """The context holds no more than the first `length` tokens now."""
        self.cells.cut(len(self.tokens), length)
        del self.tokens[length:]
        self.num_saved = min(self.num_saved, length)
        if self.altered_from is not None and length <= self.altered_from:
            self.altered_from = None

    def become(self, tokens: Iterable[int], cells: Cells, num_saved: int) -> None:
        """The context holds this for the sequence now."""
        self.tokens = list(tokens)
        self.cells = cells
        self.num_saved = num_saved
        self.altered_from = None


@dataclass(frozen=True)
class Swapped:
    """A request that gave its place in the context up for a while. Close its generation if it
    is not swapped in again."""

    generation: Generation
    state: SequenceState
    num_saved: int
    altered_from: int | None


class SlotTable:
    """All slots of a context."""

    def __init__(
        self,
        context: Context,
        num_slots: int,
        num_ctx: int,
        tiers: PrefixTiers | None = None,
        *,
        num_cells: int = 0,
    ) -> None:
        """`num_cells`: of the context; 0: enough for all slots to be full."""
        self.slots = [Slot(index) for index in range(num_slots)]
        self._context = context
        self._num_ctx = num_ctx
        self._num_cells = num_cells or num_ctx * num_slots
        self._clock = count(1)
        self._states = SequenceStates(context)
        self._tiers = tiers or PrefixTiers(self._states)

    @property
    def working(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.generation is not None]

    @property
    def idle(self) -> list[Slot]:
        return [slot for slot in self.slots if slot.generation is None]

    @property
    def num_tokens(self) -> int:
        return sum(len(slot.tokens) for slot in self.slots)

    @property
    def num_used_cells(self) -> int:
        """Cells of the context that hold something; those that sequences share count once."""
        return count_used((slot.cells, len(slot.tokens)) for slot in self.slots)

    @property
    def num_free_cells(self) -> int:
        return self._num_cells - self.num_used_cells

    # --- which slot, and when ----------------------------------------------------------------

    def find_idle(self, prompt: list[int]) -> Slot | None:
        """The idle slot to use for a prompt: longest common prefix, else least recently used."""
        idle = self.idle
        if not idle:
            return None
        best = max(idle, key=lambda slot: self._usable(slot, prompt, len(prompt)))
        shared = self._usable(best, prompt, len(prompt))
        oldest = min(idle, key=lambda slot: (bool(slot.tokens), slot.used_at))
        if shared <= _MIN_SHARED * len(prompt):
            return oldest
        tail = len(best.tokens) - shared
        if self._states.can_copy and tail >= _MIN_TAIL and tail > len(oldest.tokens):
            return oldest  # gets a copy of the prefix, and less is lost
        return best

    def should_wait(self, prompt: list[int]) -> bool:
        """Whether a prompt had better wait: much of it is being evaluated for another request
        at this moment, or is being read from disk. Ask again after the next step."""
        limit = len(prompt) - 1
        found = self._tiers.find(prompt, limit)
        have = max((self._usable(slot, prompt, limit) for slot in self._sources()), default=0)
        have = max(have, found.length if found else 0)
        if limit - have < MIN_GAIN:
            return False
        if self._tiers.fetch(prompt, limit, have):
            return True
        return any(self._will_share(slot, prompt, have) for slot in self.working if slot.pending)

    def _sources(self) -> list[Slot]:
        """Slots whose prefixes can be used: idle ones in place, others by copying."""
        return self.slots if self._states.can_copy else self.idle

    def _will_share(self, slot: Slot, prompt: list[int], have: int) -> bool:
        generation = slot.generation
        if generation is None:
            return False
        shared = min(common_prefix(generation.prompt, prompt), len(prompt) - 1)
        if shared - have < MIN_GAIN or len(slot.tokens) >= shared:
            return False
        if not self._states.can_copy and shared not in slot.checkpoints:
            # A state can be taken at this place only while the prompt passes it.
            slot.checkpoints = sorted({*slot.checkpoints, shared})
        return True

    def wait_fetch(self, timeout_s: float) -> None:
        """Nothing else is to be done: wait until a read from disk has ended."""
        self._tiers.wait_fetch(timeout_s)

    def _usable(self, slot: Slot, prompt: list[int], limit: int) -> int:
        """Leading tokens of a prompt that need no work in this slot, or in a copy of it."""
        shared = min(common_prefix(slot.tokens, prompt), limit, slot.true_length)
        return shared if self._context.can_cut_at(slot.index, shared) else 0

    # --- a request comes and goes ------------------------------------------------------------

    def assign(self, slot: Slot, generation: Generation) -> None:
        """Give the slot to a request, with as much of its prompt as is known anywhere."""
        prompt = generation.prompt
        # The last prompt token is always evaluated: its logits are needed.
        limit = len(prompt) - 1
        own = self._usable(slot, prompt, limit)
        found = self._tiers.find(prompt, limit)
        source = max(
            self._sources(), key=lambda one: self._usable(one, prompt, limit), default=slot
        )
        shared = self._usable(source, prompt, limit)
        branch = 0 if self._states.can_copy else self._find_branch(prompt)
        if found and is_worth_moving(found.length - max(own, shared), len(found.state.tokens)):
            self._retire(slot, 0)
            self._restore(slot, found.state, found.length)
            self._tiers.used(found.state)
        elif source is not slot and shared > own and self._states.can_copy:
            self._retire(slot, 0)
            self.trim(slot, 0)
            self._copy(source, slot, shared)
        else:
            self._retire(slot, own)
            self.trim(slot, own)
        generation.cached = len(slot.tokens)
        slot.generation = generation
        slot.used_at = next(self._clock)
        if not self._states.can_copy:
            slot.checkpoints = plan_checkpoints(len(slot.tokens), len(prompt), branch)

    def _find_branch(self, prompt: list[int]) -> int:
        """How much of a prompt anything known has in common with it."""
        live = max(common_prefix(slot.tokens, prompt) for slot in self.slots)
        return max(live, self._tiers.ram.find_branch(prompt))

    def _copy(self, source: Slot, target: Slot, length: int) -> None:
        self._states.copy(source.index, target.index, length)
        cells = Cells()
        cells.share(source.cells, len(source.tokens), length)
        target.become(source.tokens[:length], cells, min(length, source.num_saved))

    def _restore(self, slot: Slot, state: SequenceState, length: int) -> None:
        """Put a state in place of what the slot holds, cut to `length`."""
        self.trim(slot, 0)
        self.reclaim(len(state.tokens))
        if self._states.restore(slot.index, state.data):
            num_saved = len(state.tokens) if self._tiers.is_on_disk(state.tokens) else 0
            slot.become(state.tokens, Cells(), num_saved)
            self.trim(slot, length)

    def _retire(self, slot: Slot, kept: int) -> None:
        """All but the first `kept` tokens is about to go: keep a copy if it is worth it."""
        lost = len(slot.tokens) - kept
        if lost < (_MIN_TAIL if kept else MIN_GAIN) or slot.altered_from is not None:
            return
        if self._is_live_elsewhere(slot):
            return
        state = self._tiers.keep(slot.index, slot.tokens)
        if slot.is_unsaved:
            self._save(slot, state)

    def _is_live_elsewhere(self, slot: Slot) -> bool:
        length = len(slot.tokens)
        return self._states.can_copy and any(
            other is not slot
            and other.true_length >= length
            and other.tokens[:length] == slot.tokens
            for other in self.slots
        )

    def release(self, slot: Slot) -> None:
        """The request is over. What was evaluated stays, for the next one with that prefix."""
        if slot.generation is not None:
            slot.generation.close()
            slot.generation = None
            slot.checkpoints = []
            slot.is_unsaved = True
            slot.used_at = next(self._clock)

    def note_evaluated(self, slot: Slot) -> None:
        """A prompt chunk is in the context: keep the state, if that was planned for here."""
        length = len(slot.tokens)
        if not slot.checkpoints or length < slot.checkpoints[0]:
            return
        slot.checkpoints = [place for place in slot.checkpoints if place > length]
        state = self._tiers.keep(slot.index, slot.tokens)
        if self._tiers.is_worth_saving(length, slot.num_saved) and self._tiers.save(
            slot.index, slot.tokens, state
        ):
            slot.num_saved = length

    def tend(self) -> None:
        """Between steps: what requests left behind goes to disk; beside streams, one at a time."""
        self._tiers.tidy()
        for slot in self.idle:
            if slot.is_unsaved and self._save(slot) and self.working:
                return

    def _save(self, slot: Slot, state: SequenceState | None = None) -> bool:
        """Whether there was anything to do."""
        slot.is_unsaved = False
        length = len(slot.tokens)
        if slot.altered_from is not None:
            return False
        if not self._tiers.is_worth_saving(length, slot.num_saved):
            return False
        if self._tiers.save(slot.index, slot.tokens, state):
            slot.num_saved = length
        else:
            slot.is_unsaved = True
        return True

    # --- room --------------------------------------------------------------------------------

    def trim(self, slot: Slot, length: int) -> None:
        """Keep the first `length` tokens only; all or nothing where the memory can't be cut."""
        if length == len(slot.tokens) == self._context.last_position(slot.index) + 1:
            return
        kept = self._context.cut(slot.index, length)
        slot.forget(length if kept else 0)

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
        if not self._own_cells(slot, end):
            return False
        self._context.shift(slot.index, keep, end)
        tail = slot.tokens[end:]
        slot.forget(keep)
        slot.altered_from = keep
        slot.tokens += tail
        return True

    def _own_cells(self, slot: Slot, start: int) -> bool:
        """Make sure that nobody shares the cells from `start` on: they are about to move."""
        length = len(slot.tokens)
        others = [other for other in self.slots if other is not slot]
        if not is_shared(slot.cells, length, start, _sizes(others)):
            return True
        num_own = self.num_used_cells - count_used(_sizes(others))
        if not self.reclaim(length - num_own):
            return False
        altered, saved = slot.altered_from, slot.num_saved
        state = self._states.save(slot.index, slot.tokens)
        if state is None:
            return False
        self._context.cut(slot.index, 0)
        if not self._states.restore(slot.index, state.data):
            return False
        slot.become(state.tokens, Cells(), saved)
        slot.altered_from = altered
        return True

    def reclaim(self, num_cells: int) -> bool:
        """Have so many cells free, at the cost of what idle slots remember (copies go to host
        memory). False: they are not enough."""
        idle = sorted((slot for slot in self.idle if slot.tokens), key=lambda slot: slot.used_at)
        for slot in idle:
            if self.num_free_cells >= num_cells:
                return True
            self._retire(slot, 0)
            self.trim(slot, 0)
        return self.num_free_cells >= num_cells

    def has_room(self, prompt: list[int], headroom: int) -> bool:
        """Whether a prompt and `headroom` tokens would fit beside the requests at work.

        What idle slots remember does not count: it goes when its cells are needed.
        """
        limit = len(prompt) - 1
        working = self.working
        shared = 0
        if self._states.can_copy:
            shared = max((self._usable(slot, prompt, limit) for slot in working), default=0)
        return self._num_cells - count_used(_sizes(working)) >= len(prompt) - shared + headroom

    def room(self, slot: Slot) -> int:
        """Tokens that the slot's context still has place for."""
        return self._num_ctx - len(slot.tokens)

    def swap_out(self, slot: Slot) -> Swapped | None:
        """Take a request out of the context, to be put back with `swap_in`. None: llama.cpp
        can't. Call it between steps, and not right after a shift (`make_room`)."""
        generation = slot.generation
        state = self._states.save(slot.index, slot.tokens) if generation else None
        if generation is None or state is None:
            return None
        swapped = Swapped(generation, state, slot.num_saved, slot.altered_from)
        slot.generation = None
        slot.checkpoints = []
        self.trim(slot, 0)
        slot.used_at = 0
        return swapped

    def swap_in(self, slot: Slot, swapped: Swapped) -> bool:
        """Put a request back, in any idle slot. False: there are not enough free cells, even
        with all idle slots empty."""
        self._retire(slot, 0)
        self.trim(slot, 0)
        if not self.reclaim(len(swapped.state.tokens)):
            return False
        if not self._states.restore(slot.index, swapped.state.data):
            return False
        slot.become(swapped.state.tokens, Cells(), swapped.num_saved)
        slot.altered_from = swapped.altered_from
        slot.generation = swapped.generation
        slot.used_at = next(self._clock)
        return True

    def clear(self) -> None:
        """Forget everything, used slots included."""
        self._context.clear()
        for slot in self.slots:
            slot.become((), Cells(), 0)
            slot.checkpoints = []
            slot.is_unsaved = False

    def close(self, deadline_s: float) -> None:
        """Save what is worth it. Call when all requests have ended, before the context closes."""
        for slot in self.slots:
            if slot.is_unsaved:
                self._save(slot)
        self._tiers.close(deadline_s)


def _sizes(slots: list[Slot]) -> list[tuple[Cells, int]]:
    return [(slot.cells, len(slot.tokens)) for slot in slots]
