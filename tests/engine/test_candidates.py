"""Several answers as one stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.candidates import ROOM, Indexed, side_by_side
from engine.completion import Delta, Done, Event
from engine.errors import RunnerError


async def answer(name: str, num_events: int, pause_after: int = 0) -> AsyncGenerator[Event, None]:
    for number in range(num_events):
        yield Delta(f"{name}{number}")
        if pause_after and number % pause_after == 0:
            await asyncio.sleep(0)
    yield Done("stop")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3 * ROOM), st.integers(0, 3)), min_size=1, max_size=6))
def test_every_answer_comes_whole_and_in_order(plan):
    async def collect() -> list[Indexed]:
        answers = [answer(str(index), *one) for index, one in enumerate(plan)]
        return [item async for item in side_by_side(answers)]

    got = asyncio.run(collect())
    for index, (num_events, _) in enumerate(plan):
        own = [item.event for item in got if item.index == index]
        assert own == [*(Delta(f"{index}{number}") for number in range(num_events)), Done("stop")]


async def until_cancelled(closed: list[str], name: str) -> AsyncGenerator[Event, None]:
    try:
        yield Delta(name)
        await asyncio.get_running_loop().create_future()
    finally:
        closed.append(name)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_closing_closes_all(count):
    async def run() -> list[str]:
        closed: list[str] = []
        answers = [until_cancelled(closed, str(index)) for index in range(count)]
        async with aclosing(side_by_side(answers)) as events:
            for _ in range(count):
                await anext(events)
        return closed

    assert sorted(asyncio.run(run())) == [str(index) for index in range(count)]


async def failing() -> AsyncGenerator[Event, None]:
    yield Delta("x")
    raise RunnerError("as told")


def test_one_failure_ends_all():
    async def run() -> list[str]:
        closed: list[str] = []
        answers = [until_cancelled(closed, "a"), failing(), until_cancelled(closed, "b")]
        with pytest.raises(RunnerError, match="as told"):
            async for _ in side_by_side(answers):
                pass
        return closed

    assert sorted(asyncio.run(run())) == ["a", "b"]


def test_a_slow_reader_holds_the_answers_back():
    made = 0

    async def counted() -> AsyncGenerator[Event, None]:
        nonlocal made
        for _ in range(10 * ROOM):
            made += 1
            yield Delta("x")
        yield Done("stop")

    async def run() -> None:
        async with aclosing(side_by_side([counted(), counted()])) as events:
            for taken in range(1, 20):
                await anext(events)
                for _ in range(5 * ROOM):
                    await asyncio.sleep(0)  # as much time as anybody could want
                assert made <= taken + ROOM + 2

    asyncio.run(run())
