"""States in host memory: found like in a list, and never more than the budget."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.prefix.ram import RamTier
from engine.runner.sequence_state import SequenceState

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=8)


def state_of(tokens: list[int], size: int = 100) -> SequenceState:
    return SequenceState(tokens, np.zeros(size - 8 * len(tokens), dtype=np.uint8))


@given(st.lists(st.tuples(tokens, st.integers(64, 400)), max_size=20), st.booleans())
def test_budget_holds_whatever_comes(puts: list[tuple[list[int], int]], can_cut: bool) -> None:
    tier = RamTier(1000, can_cut=can_cut)
    held: list[SequenceState] = []
    for sequence, size in puts:
        state = state_of(sequence, size)
        tier.put(state)
        held.append(state)
        found = [one for one in held if tier.find(one.tokens, 99)[1] is one]

        assert tier.used_bytes <= 1000
        assert sum(one.size_bytes for one in found) <= tier.used_bytes
        assert (len(tier) == 0) == (tier.used_bytes == 0)
    tier.make_room(1000)
    assert (len(tier), tier.used_bytes, tier.find([0, 1, 2], 99)) == (0, 0, (0, None))


@given(st.lists(tokens, max_size=8), tokens, st.integers(0, 8))
def test_states_that_cannot_be_cut_must_fit_whole(
    held: list[list[int]], prompt: list[int], limit: int
) -> None:
    tier = RamTier(10_000, can_cut=False)
    for sequence in held:
        tier.put(state_of(sequence))
    fitting = [len(one) for one in held if len(one) <= limit and prompt[: len(one)] == one]

    length, state = tier.find(prompt, limit)

    assert length == max(fitting, default=0)
    assert state is None or state.tokens == prompt[:length]
    assert tier.find_branch(prompt) == max((_shared(one, prompt) for one in held), default=0)


@given(st.lists(tokens, max_size=8), tokens, st.integers(0, 8))
def test_states_that_can_be_cut_serve_any_shared_beginning(
    held: list[list[int]], prompt: list[int], limit: int
) -> None:
    tier = RamTier(10_000, can_cut=True)
    for sequence in held:
        tier.put(state_of(sequence))
    shared = max((_shared(one, prompt) for one in held), default=0)

    length, state = tier.find(prompt, limit)

    assert length == min(shared, limit if shared else 0)
    assert state is None or _shared(state.tokens, prompt) == shared


def test_least_recently_used_goes_first() -> None:
    tier = RamTier(300, can_cut=True)
    states = [state_of([number]) for number in range(4)]
    for state in states[:3]:
        tier.put(state)
    tier.touch(states[0])
    tier.put(states[3])

    assert [tier.find([number], 9)[1] for number in range(4)] == [
        states[0],
        None,
        states[2],
        states[3],
    ]


def test_longer_sequence_replaces_its_beginnings() -> None:
    tier = RamTier(10_000, can_cut=True)
    for sequence in ([1], [1, 2], [1, 3], [1, 2, 3]):
        tier.put(state_of(sequence))
    tier.put(state_of([1, 2]))  # there already, as part of another

    assert len(tier) == 2
    assert tier.find([1, 2, 3], 9)[0] == 3
    assert tier.find([1, 3], 9)[0] == 2


def test_what_exceeds_the_budget_alone_costs_nobody_his_place() -> None:
    tier = RamTier(200, can_cut=True)
    small = state_of([1])
    tier.put(small)
    tier.put(state_of([2], 201))
    tier.put(state_of([3], 100))

    assert len(tier) == 2
    assert tier.find([1], 9) == (1, small)


def _shared(one: list[int], other: list[int]) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
