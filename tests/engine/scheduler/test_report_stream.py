import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RunnerDiedError
from engine.frames import Chunk, Finished, TokenLogprob
from engine.scheduler.report_stream import ReportStream

FINISHED = Finished(1, "stop", 1, 0, 1, 0, 0, 1, 1, ())


async def read(stream, pauses):
    reports = []
    for pause in pauses:
        reports.append(await stream.next())
        if isinstance(reports[-1], Finished):
            break
        for _ in range(pause):
            await asyncio.sleep(0)
    return reports


@given(
    st.lists(st.text(max_size=3), max_size=30),
    st.lists(st.integers(0, 3), min_size=31, max_size=31),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
)
def test_text_arrives_whole_and_in_order_whatever_the_speeds(texts, reads, writes):
    async def scenario():
        stream = ReportStream(1)
        reader = asyncio.create_task(read(stream, reads))
        for text, pause in zip(texts, writes, strict=False):
            stream.push(Chunk(1, text, 1))
            for _ in range(pause):
                await asyncio.sleep(0)
        stream.end(FINISHED)
        return await asyncio.wait_for(reader, 5)

    *chunks, last = asyncio.run(scenario())
    assert last is FINISHED
    assert "".join(chunk.text for chunk in chunks) == "".join(texts)
    assert sum(chunk.num_tokens for chunk in chunks) == len(texts)


async def test_unread_chunks_are_merged():
    stream = ReportStream(7)
    for index in range(1000):
        stream.push(Chunk(7, f"{index} ", 1))
    chunk = await stream.next()
    assert isinstance(chunk, Chunk)
    assert (chunk.request_id, chunk.num_tokens) == (7, 1000)
    assert chunk.text.split() == [str(index) for index in range(1000)]


async def test_merged_chunks_keep_their_log_probabilities():
    stream = ReportStream(1)
    items = [TokenLogprob(str(index), b"", -1.0) for index in range(3)]
    for item in items:
        stream.push(Chunk(1, item.text, 1, (item,)))
    first = await stream.next()
    stream.push(Chunk(1, "3", 1))
    second = await stream.next()
    assert isinstance(first, Chunk)
    assert isinstance(second, Chunk)
    assert (first.text, first.logprobs) == ("012", tuple(items))
    assert second.logprobs == ()


async def test_text_before_an_error_is_still_delivered():
    stream = ReportStream(1)
    stream.push(Chunk(1, "almost", 1))
    stream.end(RunnerDiedError("why"))
    assert (await stream.next()).text == "almost"
    with pytest.raises(RunnerDiedError, match="why"):
        await stream.next()


async def test_only_the_first_end_counts_and_is_told_once():
    stream = ReportStream(1)
    told = []
    stream.after_end = lambda: told.append(stream.is_over)
    stream.end(FINISHED)
    stream.end(RunnerDiedError("late"))
    stream.push(Chunk(1, "late", 1))
    assert told == [True]
    assert await stream.next() is FINISHED


async def test_cancelled_reader_can_read_again():
    stream = ReportStream(1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.next(), 0.01)
    stream.push(Chunk(1, "still here", 2))
    assert (await stream.next()).text == "still here"
