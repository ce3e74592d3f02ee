"""Which slot a prompt gets, what it finds there, and what becomes of what was there before."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from engine import frames
from engine.runner.generation import Generation
from engine.runner.llama import (
    AbortFlag,
    Batch,
    Context,
    ContextSettings,
    Model,
    ModelSettings,
    start_backend,
)
from engine.runner.prefix.tiers import PrefixTiers
from engine.runner.prompt import Prompt
from engine.runner.sampling import CandidateTable, Sampler
from engine.runner.sequence_state import SequenceStates
from engine.runner.slot import Slot, SlotTable
from engine.runner.text import Pieces, TextStream
from tests.conftest import TINY_MODEL

NUM_CTX = 96
NUM_CELLS = 256


@dataclass
class Bench:
    """Slots over a real context, worked by hand."""

    model: Model
    context: Context
    tiers: PrefixTiers
    table: SlotTable

    def request(self, prompt: list[int], *, keep: int = 4) -> Generation:
        vocabulary = self.model.vocabulary
        sampling = frames.Sampling(temperature=0)
        return Generation(
            frames.Generate(1, tuple(prompt), num_keep=keep),
            Prompt(prompt),
            Sampler(sampling, CandidateTable(vocabulary.size), NUM_CTX),
            TextStream(Pieces(vocabulary), (), ()),
            max_tokens=1000,
            end_tokens=frozenset(),
            arrived_ns=0,
            urgency=0,
        )

    def assign(self, slot: Slot, prompt: list[int]) -> Generation:
        generation = self.request(prompt)
        self.table.assign(slot, generation)
        return generation

    def evaluate(self, slot: Slot, tokens: list[int]) -> np.ndarray:
        """The logits behind these tokens."""
        batch = Batch(128, 3)
        start = len(slot.tokens)
        batch.extend(tokens[:-1], start, slot.index)
        index = batch.add(tokens[-1], start + len(tokens) - 1, slot.index)
        assert self.context.decode(batch) == 0
        slot.tokens += tokens
        self.check()
        address = self.context.logits_address(index)
        memory = (ctypes.c_float * self.model.vocabulary.size).from_address(address)
        return np.array(memory)

    def run(self, slot: Slot, prompt: list[int]) -> np.ndarray:
        """A whole request that generates nothing."""
        generation = self.assign(slot, prompt)
        logits = self.evaluate(slot, prompt[generation.cached :])
        self.table.release(slot)
        return logits

    def check(self) -> None:
        """What we think the context holds is what it holds."""
        for slot in self.table.slots:
            assert self.context.last_position(slot.index) + 1 == len(slot.tokens)
        assert self.table.num_free_cells >= 0


@pytest.fixture
def bench() -> Iterator[Bench]:
    start_backend()
    model = Model(ModelSettings(str(TINY_MODEL)), lambda progress: True)
    context = Context(model, ContextSettings(NUM_CELLS, 3, 128, 1), AbortFlag())
    tiers = PrefixTiers(SequenceStates(context), 100_000_000)
    yield Bench(model, context, tiers, SlotTable(context, 3, NUM_CTX, tiers, num_cells=NUM_CELLS))
    context.close()
    model.close()


@pytest.fixture
def table(bench: Bench) -> SlotTable:
    return bench.table


def alike(left: np.ndarray, right: np.ndarray) -> bool:
    """But for what the order of a sum does to floats."""
    return bool(np.abs(left - right).max() < 0.3)


def tokens_of(length: int, first: int = 100) -> list[int]:
    return list(range(first, first + length))


def test_longest_prefix_wins_over_age(table: SlotTable) -> None:
    for used_at, (slot, held) in enumerate(
        zip(table.slots, ([1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [9]), strict=True), start=1
    ):
        slot.tokens, slot.used_at = held, used_at

    assert table.find_idle([1, 2, 3, 4, 5, 7]) is table.slots[1]
    assert table.find_idle([1, 2, 3, 9]) is table.slots[0]
    assert table.find_idle([9, 9]) is table.slots[2]
    assert table.find_idle([8]) is table.slots[0]


def test_a_short_shared_start_does_not_cost_another_its_memory(table: SlotTable) -> None:
    first = table.slots[0]
    first.tokens, first.used_at = list(range(50)), 5

    assert table.find_idle([0, 1, 2, *range(100, 127)]) is table.slots[1]  # 3 of 30: a tenth
    assert table.find_idle([0, 1, 2, *range(100, 126)]) is first  # 3 of 29: more


def test_shared_cells_count_once_and_hold_the_same(bench: Bench) -> None:
    first, second, third = bench.table.slots
    prompt = tokens_of(60)
    expected = bench.run(first, prompt)
    generation = bench.assign(second, [*prompt, 7])

    assert generation.cached == 60
    assert bench.table.num_used_cells == 60
    bench.evaluate(second, [7])
    assert bench.table.num_used_cells == 61
    assert alike(bench.run(third, prompt), expected)
    assert bench.table.num_used_cells == 62  # its last token is its own
    bench.table.trim(first, 0)
    assert bench.table.num_used_cells == 62
    bench.table.trim(second, 10)
    assert bench.table.num_used_cells == 60
    bench.check()


def test_shift_moves_nobody_elses_cells(bench: Bench) -> None:
    first, second, _ = bench.table.slots
    prompt = tokens_of(NUM_CTX - 1)
    bench.run(first, prompt)
    generation = bench.assign(second, prompt)
    bench.evaluate(second, prompt[generation.cached :])
    bench.evaluate(second, [50])
    assert len(second.tokens) == NUM_CTX
    assert bench.table.num_used_cells < 2 * NUM_CTX - 50

    assert bench.table.make_room(second, generation, bos=False)
    bench.evaluate(second, [51])

    bench.table.release(second)
    bench.table.trim(second, 0)
    other = bench.run(second, tokens_of(20, 2000))
    # `first` still is what it was: its last token gives what it gives from nothing.
    again = bench.run(first, prompt)
    bench.table.clear()
    assert alike(again, bench.run(first, prompt))
    assert alike(other, bench.run(second, tokens_of(20, 2000)))


def test_what_a_shift_has_altered_is_not_used_again(bench: Bench) -> None:
    slot = bench.table.slots[0]
    prompt = tokens_of(NUM_CTX - 1)
    generation = bench.assign(slot, prompt)
    bench.evaluate(slot, prompt)
    bench.evaluate(slot, [50])
    bench.table.make_room(slot, generation, bos=False)
    bench.evaluate(slot, [51])
    altered = list(slot.tokens)
    bench.table.release(slot)

    assert altered[:4] == prompt[:4]
    assert bench.assign(slot, altered).cached == 4
    assert len(bench.tiers.ram) == 0


def test_swapped_request_goes_on_where_it_was(bench: Bench) -> None:
    first, second, third = bench.table.slots
    prompt = tokens_of(70)
    generation = bench.assign(first, prompt)
    bench.evaluate(first, prompt)
    expected = bench.evaluate(first, [9])
    bench.table.trim(first, 70)

    swapped = bench.table.swap_out(first)

    assert swapped is not None
    assert (first.generation, first.tokens, bench.table.num_used_cells) == (None, [], 0)
    bench.run(second, tokens_of(60, 1000))
    assert bench.table.swap_in(third, swapped)
    assert third.generation is generation
    assert alike(bench.evaluate(third, [9]), expected)
    assert bench.table.swap_out(second) is None  # nobody is there


def test_swapped_request_waits_until_there_is_room(bench: Bench) -> None:
    first, second, third = bench.table.slots
    prompts = [tokens_of(90, 100 * number) for number in range(1, 4)]
    bench.assign(first, prompts[0])
    bench.evaluate(first, prompts[0])
    swapped = bench.table.swap_out(first)
    assert swapped is not None
    for slot, prompt in ((second, prompts[1]), (third, prompts[2])):
        bench.assign(slot, prompt)
        bench.evaluate(slot, prompt)

    assert not bench.table.swap_in(first, swapped)
    assert first.tokens == []
    assert first.generation is None
    bench.table.release(third)
    assert bench.table.swap_in(first, swapped)
    assert third.tokens == []  # it had to make room, and is kept in host memory
    kept = bench.tiers.find([*prompts[2], 5], 90)
    assert kept is not None
    assert kept.length == 90


def test_room_is_made_at_the_cost_of_what_is_oldest(bench: Bench) -> None:
    first, second, third = bench.table.slots
    for number, slot in enumerate((second, first, third)):
        bench.run(slot, tokens_of(80, 500 * number))

    assert bench.table.reclaim(NUM_CELLS - 240)
    assert [len(slot.tokens) for slot in bench.table.slots] == [80, 80, 80]
    assert bench.table.reclaim(NUM_CELLS - 239)
    assert [len(slot.tokens) for slot in bench.table.slots] == [80, 0, 80]
    assert not bench.table.reclaim(NUM_CELLS + 1)
    assert bench.table.num_used_cells == 0
    assert len(bench.tiers.ram) == 3
    assert bench.assign(first, tokens_of(80, 1000)).cached == 79


def test_room_for_a_prompt_counts_what_it_shares(bench: Bench) -> None:
    first, second, _ = bench.table.slots
    bench.run(second, tokens_of(90, 1000))  # idle: does not count
    bench.assign(first, tokens_of(90))
    bench.evaluate(first, tokens_of(90))

    assert bench.table.has_room(tokens_of(NUM_CELLS - 90, 2000), 0)
    assert not bench.table.has_room(tokens_of(NUM_CELLS - 90, 2000), 1)
    assert bench.table.has_room(tokens_of(NUM_CELLS), 0)
    assert not bench.table.has_room(tokens_of(NUM_CELLS), 1)


def test_prompt_waits_for_one_that_is_being_evaluated(bench: Bench) -> None:
    first, _, _ = bench.table.slots
    prompt = tokens_of(90)
    generation = bench.assign(first, prompt)
    bench.evaluate(first, prompt[:32])

    assert bench.table.should_wait(prompt)
    assert not bench.table.should_wait(tokens_of(90, 1000))
    assert not bench.table.should_wait([*prompt[:60], *tokens_of(30, 1000)])  # little is to come
    assert bench.table.should_wait([*prompt[:70], *tokens_of(20, 1000)])
    bench.evaluate(first, prompt[32:])
    assert not bench.table.should_wait(prompt)
    assert generation.cached == 0


def test_long_tail_is_not_cut_off_while_a_slot_is_empty(bench: Bench) -> None:
    first, second, _ = bench.table.slots
    first.tokens = tokens_of(400)

    assert bench.table.find_idle(tokens_of(100)) is second
    assert bench.table.find_idle(tokens_of(200)) is first
