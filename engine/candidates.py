"""Several answers generated side by side, as one stream of events. Event loop only."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from engine.completion import Event

SEED_RANGE = 2**31
"""Seeds of candidates count up from the request's and wrap around here."""

ROOM = 64
"""Events that may wait for a slow reader. From then on the runner's chunks are merged."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """An event of the answer with that index."""

    index: int
    event: Event


async def side_by_side(
    answers: Sequence[AsyncGenerator[Event, None]],
) -> AsyncGenerator[Indexed, None]:
    """The events of all `answers` as they come; each answer's own are in order.

    The first error ends them all. Closing the generator closes every answer.
    """
    if len(answers) == 1:
        async with aclosing(answers[0]) as events:
            async for event in events:
                yield Indexed(0, event)
        return
    queue: asyncio.Queue[Indexed | int] = asyncio.Queue()
    room = asyncio.Semaphore(ROOM)
    tasks = [
        asyncio.create_task(_pump(index, answer, queue, room))
        for index, answer in enumerate(answers)
    ]
    try:
        num_left = len(tasks)
        while num_left:
            item = await queue.get()
            if isinstance(item, int):
                await tasks[item]
                num_left -= 1
            else:
                room.release()
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    index: int,
    answer: AsyncGenerator[Event, None],
    queue: asyncio.Queue[Indexed | int],
    room: asyncio.Semaphore,
) -> None:
    """One answer's events into the queue, then its index to say that it has ended."""
    try:
        async with aclosing(answer) as events:
            async for event in events:
                await room.acquire()
                queue.put_nowait(Indexed(index, event))
    finally:
        queue.put_nowait(index)
