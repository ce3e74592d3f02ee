"""One step: fill the batch, run the model on it, sample. Engine-loop thread only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import frames
from engine.runner.batching import BatchBuilder, Work
from engine.runner.cancellation import Cancellation
from engine.runner.constraint.protocol import ConstraintError
from engine.runner.generation import Verdict
from engine.runner.llama import DECODE_ABORTED, Batch, Context, Vocabulary, read_problems
from engine.runner.slot import Slot, SlotTable

PROMPT_TOKENS_BESIDE_STREAMS = 128
"""Most prompt tokens in a step that also serves running streams, so that these don't stall."""


class DecodeError(Exception):
    """llama_decode failed."""


@dataclass
class Outcome:
    """What a step came to."""

    chunks: list[frames.Chunk] = field(default_factory=list)
    ended: list[tuple[Slot, Verdict]] = field(default_factory=list)
    """Slots whose request is over, and why."""
    failed: list[tuple[Slot, str]] = field(default_factory=list)
    """Slots whose request cannot go on."""


class Stepper:
    """Runs steps over the slots of a context."""

    def __init__(
        self,
        context: Context,
        slots: SlotTable,
        vocabulary: Vocabulary,
        cancellation: Cancellation,
        *,
        num_batch: int,
        num_outputs: int,
    ) -> None:
        self._context = context
        self._slots = slots
        self._cancellation = cancellation
        self._batch = Batch(num_batch, len(slots.slots))
        self._builder = BatchBuilder(
            self._batch, slots, vocabulary, num_outputs=max(num_outputs, len(slots.slots))
        )
        self.count = 0
        """llama_decode calls."""

    def run(self) -> Outcome:
        """Raises DecodeError; the context may hold anything then."""
        outcome = Outcome()
        self._batch.clear()
        working = self._slots.working
        generating = [slot for slot in working if slot.generation and slot.generation.is_generating]
        works, full = self._builder.add_answers(generating, lambda slot, room: ())
        outcome.ended += [(slot, "length") for slot in full]
        budget = PROMPT_TOKENS_BESIDE_STREAMS if works else self._batch.capacity
        works += self._builder.add_prompts([slot for slot in working if slot.pending], budget)
        if self._batch.size and self._decode(works):
            for work in works:
                self._finish_work(work, outcome)
        return outcome

    def _decode(self, works: Sequence[Work]) -> bool:
        """False: aborted, nothing was gained. Raises DecodeError."""
        self._cancellation.begin(work.generation.request_id for work in works)
        for work in works:
            if work.first_output >= 0 and work.generation.constraint is not None:
                work.generation.constraint.start_mask()
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
        elif (chunk := generation.take_chunk()) is not None:
            outcome.chunks.append(chunk)

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
        return verdict if verdict != "go on" else generation.follow(token)
