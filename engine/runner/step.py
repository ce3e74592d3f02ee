"""One step: fill the batch, run the model on it, sample. Engine-loop thread only."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from engine.runner.batching import BatchBuilder, Work
from engine.runner.cancellation import Cancellation
from engine.runner.constraint.protocol import ConstraintError
from engine.runner.generation import Verdict
from engine.runner.llama import DECODE_ABORTED, Batch, Context, Vocabulary, read_problems
from engine.runner.pacing import PromptPacer
from engine.runner.pool import CellPool
from engine.runner.slot import Slot, SlotTable
from engine.runner.speculation.drafting import MAX_DRAFT


class DecodeError(Exception):
    """llama_decode failed."""


@dataclass
class Outcome:
    """What a step came to."""

    ended: list[tuple[Slot, Verdict]] = field(default_factory=list)
    """Slots whose request is over, and why."""
    failed: list[tuple[Slot, str]] = field(default_factory=list)
    """Slots whose request cannot go on."""


class Threads(Protocol):
    """Chooses how many threads a step runs with."""

    def choose(self, answers: int, *, has_prompts: bool) -> int: ...
    def learn(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class StepSettings:
    """Sizes of a step."""

    num_batch: int
    num_outputs: int
    """Most logit rows; what is not needed for one per slot is for drafts."""
    can_draft: bool


class Stepper:
    """Runs steps over the slots of a context."""

    def __init__(
        self,
        context: Context,
        slots: SlotTable,
        pool: CellPool,
        vocabulary: Vocabulary,
        cancellation: Cancellation,
        threads: Threads,
        settings: StepSettings,
    ) -> None:
        self._context = context
        self._slots = slots
        self._pool = pool
        self._cancellation = cancellation
        self._threads = threads
        self._settings = settings
        self._batch = Batch(settings.num_batch, len(slots.slots))
        num_outputs = max(settings.num_outputs, len(slots.slots))
        self._builder = BatchBuilder(self._batch, slots, vocabulary, num_outputs=num_outputs)
        self._pacer = PromptPacer()
        self._num_threads = 0
        self.count = 0
        """llama_decode calls."""

    def run(self) -> Outcome:
        """Raises DecodeError; the context may hold anything then."""
        outcome = Outcome()
        self._batch.clear()
        generating = self._choose_generating()
        works, full = self._builder.add_answers(generating, max_draft=self._max_draft(generating))
        outcome.ended += [(slot, "length") for slot in full]
        answers = self._batch.size
        drafted = sum(len(work.draft) for work in works)
        pending = [slot for slot in self._slots.working if slot.pending]
        threads = self._threads.choose(answers, has_prompts=bool(pending or drafted))
        works += self._add_prompts(pending, answers, threads)
        if not self._batch.size:
            return outcome
        started = time.perf_counter()
        done = self._decode(works, threads)
        seconds = time.perf_counter() - started
        if not done:
            return outcome
        self._threads.learn(seconds)
        if not drafted:
            self._pacer.learn(answers, self._batch.size - answers, threads, seconds)
        for work in works:
            self._finish_work(work, outcome)
        return outcome

    def _choose_generating(self) -> list[Slot]:
        """Slots whose answers go on in this step; some may lose their cells to the others."""
        if self._pool.num_free is not None:
            needed = sum(
                len(slot.generation.ahead) for slot in self._slots.working if slot.generation
            )
            self._pool.make_room(max(needed, 1))
        return [
            slot
            for slot in self._slots.working
            if slot.generation and slot.generation.is_generating
        ]

    def _max_draft(self, generating: Sequence[Slot]) -> int:
        """Only a lone stream drafts: a batch of several uses the processor well as it is."""
        working = self._slots.working
        if not (self._settings.can_draft and len(generating) == len(working) == 1):
            return 0
        generation = working[0].generation
        if generation is None or not generation.command.speculate:
            return 0
        free = self._pool.num_free
        return MAX_DRAFT if free is None else max(0, min(MAX_DRAFT, free - len(generation.ahead)))

    def _add_prompts(self, pending: list[Slot], answers: int, threads: int) -> list[Work]:
        if not pending:
            return []
        room = self._batch.capacity - answers
        budget = min(room, self._pacer.budget(answers, threads)) if answers else room
        free = self._pool.num_free
        if free is not None:
            self._slots.reclaim(answers + budget)
            budget = min(budget, (self._pool.num_free or 0) - answers)
        pending.sort(key=lambda slot: slot.generation.urgency if slot.generation else 0)
        return self._builder.add_prompts(pending, max(0, budget))

    def _decode(self, works: Sequence[Work], threads: int) -> bool:
        """False: aborted, nothing was gained. Raises DecodeError."""
        self._cancellation.begin(work.generation.request_id for work in works)
        for work in works:
            if work.first_output >= 0 and work.generation.constraint is not None:
                work.generation.constraint.start_mask()
        if threads != self._num_threads:
            self._context.set_threads(threads, threads)
            self._num_threads = threads
        self.count += 1
        status = self._context.decode(self._batch)
        if status == 0:
            return True
        if status != DECODE_ABORTED:
            raise DecodeError(read_problems() or f"llama_decode returned {status}")
        # Some of the batch may be in the memory. The Cancel that caused this is in the inbox.
        for work in works:
            self._slots.trim(work.slot, len(work.slot.tokens))
        return False

    def _finish_work(self, work: Work, outcome: Outcome) -> None:
        slot, generation = work.slot, work.generation
        slot.tokens += work.tokens
        del generation.ahead[: len(work.tokens)]
        self._slots.note_evaluated(slot)
        if work.first_output < 0:
            return
        try:
            verdict = self._sample(work)
        except ConstraintError as exc:
            outcome.failed.append((slot, str(exc)))
            return
        if verdict != "go on":
            outcome.ended.append((slot, verdict))

    def _sample(self, work: Work) -> Verdict:
        """Tokens are sampled as if the draft did not exist; it only decides for how many of
        them there are logits already. Raises ConstraintError."""
        slot, generation, draft = work.slot, work.generation, work.draft
        accepted = 0
        while True:
            token = generation.sample(self._context.logits_address(work.first_output + accepted))
            verdict = generation.take(token)
            if verdict != "go on" or accepted == len(draft) or token != draft[accepted]:
                break
            accepted += 1
        if draft:
            slot.tokens += draft[:accepted]
            self._slots.trim(slot, len(slot.tokens))
            generation.learn(len(draft), accepted)
        return verdict if verdict != "go on" else generation.follow(token)
