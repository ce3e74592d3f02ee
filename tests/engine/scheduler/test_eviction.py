from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.hardware.memory import SystemMemory
from engine.scheduler.eviction import choose_victim, fits


@dataclass(frozen=True)
class Candidate:
    name: str
    keep_alive_s: float = 300
    last_used: float = 0
    is_idle: bool = True


def test_shortest_keep_alive_leaves_first():
    forever = Candidate("forever", float("inf"), last_used=1)
    long = Candidate("long", 3600, last_used=2)
    short = Candidate("short", 60, last_used=3)
    assert choose_victim([forever, long, short]) is short


def test_least_recently_used_leaves_first_among_equals():
    old, new = Candidate("old", last_used=1), Candidate("new", last_used=2)
    assert choose_victim([new, old]) is old


def test_idle_one_leaves_before_a_busy_one_that_comes_first():
    busy, idle = Candidate("busy", 60, is_idle=False), Candidate("idle", float("inf"))
    assert choose_victim([busy, idle]) is idle


def test_first_in_order_is_waited_for_when_all_are_busy():
    first = Candidate("first", 60, is_idle=False)
    assert choose_victim([Candidate("other", 61, is_idle=False), first]) is first


@given(
    st.lists(
        st.builds(
            Candidate,
            name=st.just("x"),
            keep_alive_s=st.sampled_from([0.0, 60.0, 300.0, float("inf")]),
            last_used=st.floats(0, 100),
            is_idle=st.booleans(),
        ),
        min_size=1,
    )
)
def test_victim_is_idle_whenever_one_is(candidates):
    assert choose_victim(candidates).is_idle == any(one.is_idle for one in candidates)


@pytest.mark.parametrize(("predicted", "expected"), [(799, True), (800, True), (801, False)])
def test_another_model_may_take_four_fifths_of_what_is_available(predicted, expected):
    assert fits(predicted, 0, SystemMemory(2000, 1000)) is expected


def test_mapped_weights_of_loaded_models_are_not_available():
    memory = SystemMemory(total_bytes=1000, available_bytes=950)
    assert fits(160, 800, memory)
    assert not fits(161, 800, memory)
