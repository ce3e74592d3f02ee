"""What goes into a step: tokens of running answers first, then prompt chunks. Engine-loop thread
only.

Nothing here evaluates anything: `BatchBuilder.build` fills a `Batch` and says what it put there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.runner.generation import Generation
from engine.runner.llama import Batch, Vocabulary
from engine.runner.pacing import share_budget
from engine.runner.slot import Slot, SlotTable


@dataclass(frozen=True)
class Work:
    """One slot's share of a step."""

    slot: Slot
    generation: Generation
    tokens: Sequence[int]
    """Known to belong to the sequence: a chunk of the prompt, or of the answer."""
    draft: Sequence[int] = ()
    """Guesses at what follows; logits are wanted at each."""
    first_output: int = -1
    """Batch index of the logits behind the last of `tokens`; those of the draft come next.
    Negative: none are wanted."""


class BatchBuilder:
    """Fills one batch per step."""

    def __init__(
        self, batch: Batch, slots: SlotTable, vocabulary: Vocabulary, *, num_outputs: int
    ) -> None:
        """`num_outputs`: most logit rows in one step, at least one per slot."""
        self._batch = batch
        self._slots = slots
        self._vocabulary = vocabulary
        self._num_outputs = num_outputs

    def add_answers(
        self, generating: Sequence[Slot], *, max_draft: int
    ) -> tuple[list[Work], list[Slot]]:
        """The next tokens of these slots, and the slots whose context is full for good.

        `max_draft`: most guesses for each of them.
        """
        batch = self._batch
        works: list[Work] = []
        full: list[Slot] = []
        for position, slot in enumerate(generating):
            generation = slot.generation
            if generation is None:
                continue
            bos = self._vocabulary.adds_bos and generation.prompt[0] == self._vocabulary.bos
            if not self._slots.make_room(slot, generation, bos=bos):
                full.append(slot)
                continue
            # Each of those that follow must find a place too.
            others = len(generating) - position - 1
            room = min(batch.capacity - batch.size - others, self._slots.room(slot))
            tokens = generation.ahead[:room]
            guesses: Sequence[int] = ()
            if max_draft and len(tokens) == len(generation.ahead):
                outputs = self._num_outputs - len(generating)
                guesses = generation.draft(min(room - len(tokens), outputs, max_draft))
            works.append(self._add(slot, generation, tokens, guesses))
        return works, full

    def _add(
        self, slot: Slot, generation: Generation, tokens: list[int], draft: Sequence[int]
    ) -> Work:
        batch = self._batch
        start = len(slot.tokens)
        end = start + len(tokens)
        if len(tokens) < len(generation.ahead):
            batch.extend(tokens, start, slot.index)
            return Work(slot, generation, tokens)
        if len(tokens) > 1:
            batch.extend(tokens[:-1], start, slot.index)
        first = batch.add(tokens[-1], end - 1, slot.index)
        for offset, token in enumerate(draft):
            batch.add(token, end + offset, slot.index)
        return Work(slot, generation, tokens, draft, first)

    def add_prompts(self, waiting: Sequence[Slot], budget: int) -> list[Work]:
        """Chunks of the prompts of these slots, most urgent first, `budget` tokens in all."""
        batch = self._batch
        wanted = [min(slot.pending, slot.chunk_limit) for slot in waiting]
        room = min(batch.capacity - batch.size, budget)
        works: list[Work] = []
        for slot, size in zip(waiting, share_budget(wanted, room), strict=True):
            generation = slot.generation
            if generation is None or size <= 0:
                continue
            start = len(slot.tokens)
            chunk = generation.prompt[start : start + size]
            if size < slot.pending:
                batch.extend(chunk, start, slot.index)
                works.append(Work(slot, generation, chunk))
            else:
                batch.extend(chunk[:-1], start, slot.index)
                first = batch.add(chunk[-1], start + size - 1, slot.index)
                works.append(Work(slot, generation, chunk, first_output=first))
        return works
