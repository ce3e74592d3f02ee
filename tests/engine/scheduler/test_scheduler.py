"""With the real runner and the bundled model unless a test says "fake"."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psutil
import pytest
import uvloop

from engine.errors import InvalidRequestError, LoadError, QueueFullError, RequestCancelledError
from engine.frames import Chunk, Finished
from engine.hardware.memory import SystemMemory
from engine.library.errors import GGUFError
from engine.options import Options
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.engine.scheduler.conftest import REAL_RUNNER
from tests.engine.scheduler.deadlines import is_running, until
from tests.engine.scheduler.leases import DEFAULT, ask, complete, names, use


def journal_of(path):
    """The models that fake runners loaded, in order."""
    return [line.split()[1][0] for line in path.read_text().splitlines()] if path.exists() else []


# --- the main road ---------------------------------------------------------------------------


async def test_model_is_loaded_and_answers(start, models):
    scheduler = start()
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        text, finished = await complete(lease, ask())
        assert text
        assert finished.generated_tokens <= 16
        assert lease.num_ctx == 2048
        assert lease.ready.load_ns > 0
        assert lease.load_ns >= lease.ready.load_ns
        tokens = await lease.tokenize("Hello there", add_special=False)
        assert await lease.detokenize(tokens) == "Hello there"
        status = await lease.status()
        assert (status.slots_total, status.slots_busy) == (4, 0)
    async with scheduler.lease(models["a"], DEFAULT) as again:
        assert again.load_ns < 1_000_000_000
        assert await complete(again, ask()) != ("", None)


async def test_ps_tells_the_truth(start, models):
    scheduler = start(keep_alive_s=100)
    assert scheduler.loaded() == []
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        (loaded,) = scheduler.loaded()
        assert loaded.busy == 1
        assert loaded.size_bytes == lease.ready.size_bytes > 1_000_000
        assert loaded.size_gpu_bytes == 0
        assert loaded.num_ctx == 2048
        assert psutil.Process(loaded.pid).ppid() == psutil.Process().pid
    (loaded,) = scheduler.loaded()
    assert loaded.busy == 0
    assert loaded.expires_at is not None
    assert abs(loaded.expires_at - datetime.now(UTC) - timedelta(seconds=100)) < timedelta(
        seconds=5
    )


async def test_two_streams_interleave(start, models):
    scheduler = start()
    order = []

    async def stream(name):
        async with scheduler.lease(models["a"], DEFAULT) as lease:
            async for report in lease.generate(ask(num_predict=60)):
                order.append((name, type(report)))

    await asyncio.gather(stream(1), stream(2))
    first_end = order.index(next(item for item in order if item[1] is Finished))
    assert {name for name, _ in order[:first_end]} == {1, 2}


async def test_bad_request_is_the_callers_fault(start, models):
    scheduler = start()
    async with scheduler.lease(models["a"], Options(num_thread=1, num_ctx=32), None) as lease:
        command = ask("word " * 200, truncate=False)
        with pytest.raises(InvalidRequestError):
            await complete(lease, command)
        assert (await complete(lease, ask("Hi")))[1].generated_tokens > 0


async def test_leaving_a_stream_frees_its_slot(start, models):
    scheduler = start()
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask(num_predict=100_000))
        await anext(stream)
        assert (await lease.status()).slots_busy == 1
        await stream.aclose()
        (loaded,) = scheduler.loaded()
        assert loaded.busy == 2  # this lease, and the request until the runner confirms
        await until(lambda: scheduler.loaded()[0].busy == 1)
        assert (await lease.status()).slots_busy == 0


async def test_cancelled_task_frees_its_slot_and_reference(start, models):
    scheduler = start()
    started = asyncio.Event()

    async def read():
        async with scheduler.lease(models["a"], DEFAULT) as lease:
            async for _ in lease.generate(ask(num_predict=100_000)):
                started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    await until(lambda: scheduler.loaded()[0].busy == 0)


# --- loading ---------------------------------------------------------------------------------


async def test_concurrent_requests_share_one_load_fake(start, models, tmp_path):
    journal = tmp_path / "journal"
    scheduler = start("--journal", str(journal), "--load-s", "0.2")
    pids = await asyncio.gather(*(use(scheduler, models["a"]) for _ in range(20)))
    assert len(set(pids)) == 1
    assert journal_of(journal) == ["a"]


async def test_loads_happen_in_order_of_arrival_fake(start, models, tmp_path):
    journal = tmp_path / "journal"
    scheduler = start("--journal", str(journal), max_loaded_models=5)
    await asyncio.gather(*(use(scheduler, models[name]) for name in "caebd"))
    assert journal_of(journal) == list("caebd")


async def test_loaded_model_serves_while_another_loads_fake(start, models):
    scheduler = start("--load-s", "0.6")
    await use(scheduler, models["a"])
    loading = asyncio.create_task(use(scheduler, models["b"]))
    await until(lambda: names(scheduler) == ["a", "b"])
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        assert await complete(lease, ask(num_predict=3))
        assert lease.load_ns < 300_000_000
    assert not loading.done()
    await loading


async def test_cancelled_waiter_does_not_stop_the_load_for_others_fake(start, models, tmp_path):
    journal = tmp_path / "journal"
    scheduler = start("--journal", str(journal), "--load-s", "0.3")
    first = asyncio.create_task(use(scheduler, models["a"]))
    await until(lambda: scheduler.loaded() and scheduler.loaded()[0].busy == 1)
    second = asyncio.create_task(use(scheduler, models["a"]))
    await until(lambda: scheduler.loaded()[0].busy == 2)
    first.cancel()
    await second
    assert first.cancelled()
    assert journal_of(journal) == ["a"]
    assert scheduler.loaded()[0].busy == 0


async def test_model_nobody_wants_any_more_is_kept_as_it_was_asked_fake(start, models):
    scheduler = start("--load-s", "0.2")
    for keep_alive_s, left in ((60, ["a"]), (0, [])):
        task = asyncio.create_task(use(scheduler, models["a"], keep_alive_s=keep_alive_s))
        await until(lambda: scheduler.loaded() and scheduler.loaded()[0].busy == 1)
        task.cancel()
        await until(lambda left=left: names(scheduler) == left)
        await until(lambda: not scheduler.loaded() or scheduler.loaded()[0].size_bytes == 1_000_000)
        await scheduler.unload(models["a"])


async def test_waiter_in_the_line_that_is_cancelled_is_skipped_fake(start, models, tmp_path):
    journal = tmp_path / "journal"
    scheduler = start("--journal", str(journal), "--load-s", "0.2")
    tasks = [asyncio.create_task(use(scheduler, models[name])) for name in "abc"]
    await until(lambda: names(scheduler) == ["a"])
    tasks[1].cancel()
    await asyncio.gather(tasks[0], tasks[2])
    assert journal_of(journal) == ["a", "c"]


async def test_line_has_a_limit_fake(start, models):
    scheduler = start("--load-s", "0.3", max_queue=2)
    tasks = [asyncio.create_task(use(scheduler, models[name])) for name in "abcd"]
    await asyncio.wait({tasks[3]})
    assert isinstance(tasks[3].exception(), QueueFullError)
    await asyncio.gather(*tasks[:3])


async def test_model_that_llama_cpp_refuses_is_a_load_error(start, models, tmp_path):
    scheduler = start()
    data = models["a"].weights_path.read_bytes()
    (tmp_path / "unknown.gguf").write_bytes(data.replace(b"qwen3", b"qwenX"))
    model = replace(models["a"], _weights_path=tmp_path / "unknown.gguf")
    with pytest.raises(LoadError, match="qwenX"):
        await use(scheduler, model)
    assert scheduler.loaded() == []
    await use(scheduler, models["a"])


async def test_truncated_file_never_reaches_a_runner(start, models, tmp_path):
    scheduler = start()
    data = models["a"].weights_path.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(data[:1_000_000])
    with pytest.raises(GGUFError, match="truncated"):
        await use(scheduler, replace(models["a"], _weights_path=tmp_path / "cut.gguf"))
    assert scheduler.loaded() == []


async def test_program_that_is_not_there_is_a_load_error(models):
    scheduler = Scheduler(SchedulerSettings(("/nonexistent/runner",)))
    with pytest.raises(LoadError, match="cannot start the model runner"):
        await use(scheduler, models["a"])
    assert scheduler.loaded() == []
    await scheduler.close()


# --- other options, other models -------------------------------------------------------------


async def test_other_runner_options_reload_the_model(start, models):
    scheduler = start()
    first = await use(scheduler, models["a"])
    assert (
        await use(scheduler, models["a"], Options(num_thread=1, temperature=0.1, num_ctx=4096))
        == first
    )
    async with scheduler.lease(models["a"], Options(num_thread=1, num_ctx=512), None) as lease:
        assert lease.num_ctx == 512
        (loaded,) = scheduler.loaded()
        assert loaded.pid != first
        assert not is_running(first)


async def test_reload_waits_for_requests_and_is_not_starved_by_new_ones_fake(
    start, models, tmp_path
):
    journal = tmp_path / "journal"
    scheduler = start("--journal", str(journal))
    events = []
    holder = scheduler.lease(models["a"], DEFAULT)
    await holder.__aenter__()

    async def wish(name, options):
        async with scheduler.lease(models["a"], options, None) as lease:
            events.append((name, lease.num_ctx))

    other = asyncio.create_task(wish("other", Options(num_thread=1, num_ctx=512)))
    await until(lambda: scheduler.waiting == 1)
    same = asyncio.create_task(wish("same", DEFAULT))
    await until(lambda: scheduler.waiting == 2)
    assert events == []
    await holder.__aexit__(None, None, None)
    await asyncio.gather(other, same)
    assert events == [("other", 512), ("same", 2048)]
    assert journal_of(journal) == ["a", "a", "a"]


async def test_withdrawn_reload_leaves_the_loaded_model_alone_fake(start, models):
    scheduler = start(fake=True)
    async with scheduler.lease(models["a"], DEFAULT):
        other = asyncio.create_task(use(scheduler, models["a"], Options(num_thread=1, num_ctx=512)))
        await until(lambda: scheduler.waiting == 1)
        other.cancel()
        await asyncio.wait({other})
        async with asyncio.timeout(5), scheduler.lease(models["a"], DEFAULT):
            assert len(scheduler.loaded()) == 1


async def test_least_recently_used_model_makes_room_fake(start, models):
    scheduler = start(fake=True, max_loaded_models=2)
    await use(scheduler, models["a"])
    await use(scheduler, models["b"])
    await use(scheduler, models["a"])
    await use(scheduler, models["c"])
    assert names(scheduler) == ["a", "c"]


async def test_three_models_fit_by_default_fake(start, models):
    scheduler = start(fake=True)
    for name in "abcd":
        await use(scheduler, models[name])
    assert names(scheduler) == ["b", "c", "d"]


async def test_busy_models_are_waited_for_fake(start, models):
    scheduler = start(fake=True, max_loaded_models=1)
    async with scheduler.lease(models["a"], DEFAULT):
        waiting = asyncio.create_task(use(scheduler, models["b"]))
        await until(lambda: scheduler.waiting == 1)
        assert names(scheduler) == ["a"]
    await waiting
    assert names(scheduler) == ["b"]


async def test_model_that_becomes_idle_first_makes_room_fake(start, models):
    scheduler = start(fake=True, max_loaded_models=2)
    async with scheduler.lease(models["a"], DEFAULT, 10):
        async with scheduler.lease(models["b"], DEFAULT, 1000):
            waiting = asyncio.create_task(use(scheduler, models["c"]))
            await until(lambda: scheduler.waiting == 1)
        await asyncio.wait_for(waiting, 10)
        assert names(scheduler) == ["a", "c"]


async def test_model_that_does_not_fit_beside_others_evicts_them_fake(start, models):
    need = models["a"].weights_path.stat().st_size + 4 * 2048 * 4096  # weights and KV of 4 slots
    free = [need * 2]
    memory = lambda: SystemMemory(total_bytes=10**12, available_bytes=free[0])  # noqa: E731
    scheduler = start(fake=True, read_memory=memory, num_parallel=4)
    await use(scheduler, models["a"])
    await use(scheduler, models["b"])
    assert names(scheduler) == ["a", "b"]
    free[0] = need
    await use(scheduler, models["c"])
    assert names(scheduler) == ["c"]


async def test_first_model_is_always_tried_fake(start, models):
    scheduler = start(fake=True, read_memory=lambda: SystemMemory(1, 0))
    await use(scheduler, models["a"])
    assert names(scheduler) == ["a"]


async def test_out_of_memory_beside_others_is_tried_again_alone_fake(start, models, tmp_path):
    journal, crowd = tmp_path / "journal", tmp_path / "crowd"
    crowd.mkdir()
    scheduler = start(
        *("--journal", str(journal)),
        *("--load-fails", "failed to allocate buffer", "--fails-beside", str(crowd)),
    )
    await use(scheduler, models["a"])
    (crowd / "someone").touch()
    with pytest.raises(LoadError, match="failed to allocate"):
        await use(scheduler, models["b"])
    assert journal_of(journal) == ["a", "b", "b"]
    assert names(scheduler) == []


async def test_two_names_of_the_same_weights_share_a_runner_fake(start, models):
    scheduler = start(fake=True)
    other = replace(models["a"], name=models["b"].name, digest="0" * 64)
    async with scheduler.lease(models["a"], DEFAULT), scheduler.lease(other, DEFAULT):
        (loaded,) = scheduler.loaded()
        assert loaded.busy == 2


async def test_other_adapters_reload_the_weights_fake(start, models, tmp_path):
    (tmp_path / "adapter").touch()
    scheduler = start(fake=True)
    pid = await use(scheduler, models["a"])
    adapted = replace(models["a"], adapter_paths=(tmp_path / "adapter",))
    assert await use(scheduler, adapted) != pid
    assert len(scheduler.loaded()) == 1


# --- load ------------------------------------------------------------------------------------


async def test_64_streams_keep_their_order_and_lose_nothing_fake(start, models):
    scheduler = start("--beat-s", "0.0005")

    async def stream(index):
        async with scheduler.lease(models["a"], DEFAULT) as lease:
            text, num_tokens = "", 0
            async for report in lease.generate(ask(num_predict=50)):
                if isinstance(report, Chunk):
                    text += report.text
                    num_tokens += report.num_tokens
                    for _ in range(index % 5):  # some are slow
                        await asyncio.sleep(0)
            return text, num_tokens

    expected = "".join(f"w{index} " for index in range(50))
    async with asyncio.timeout(20):
        assert await asyncio.gather(*map(stream, range(64))) == [(expected, 50)] * 64


async def test_more_streams_than_slots_all_get_the_same_answer(start, models):
    scheduler = start(num_parallel=2)

    async def stream(_):
        async with scheduler.lease(models["a"], DEFAULT) as lease:
            return (await complete(lease, ask(num_predict=8)))[1].generated_tokens

    assert len(set(await asyncio.gather(*map(stream, range(8))))) == 1


# --- the end ---------------------------------------------------------------------------------


async def test_close_ends_waiting_and_running_requests(start, models):
    scheduler = start(max_loaded_models=1)
    running = asyncio.Event()

    async def read():
        async with scheduler.lease(models["a"], DEFAULT) as lease:
            async for _ in lease.generate(ask(num_predict=100_000)):
                running.set()

    reading = asyncio.create_task(read())
    await running.wait()
    pid = scheduler.loaded()[0].pid
    waiting = asyncio.create_task(use(scheduler, models["b"]))
    await until(lambda: scheduler.waiting == 1)
    async with asyncio.timeout(10):
        await asyncio.gather(scheduler.close(), scheduler.close())
        outcomes = await asyncio.gather(reading, waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RequestCancelledError] * 2
    assert not is_running(pid)
    assert scheduler.loaded() == []
    await scheduler.close()
    with pytest.raises(RequestCancelledError):
        await use(scheduler, models["a"])


async def test_close_while_loading_fake(start, models):
    scheduler = start("--never-ready", stop_timeout_s=0.2)
    task = asyncio.create_task(use(scheduler, models["a"]))
    await until(lambda: scheduler.loaded() and scheduler.loaded()[0].pid)
    pid = scheduler.loaded()[0].pid
    async with asyncio.timeout(10):
        await scheduler.close()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], LoadError)
    assert not is_running(pid)


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_any_event_loop_in_any_thread(models, loop_factory):
    outcome = []

    async def scenario():
        scheduler = Scheduler(SchedulerSettings(REAL_RUNNER))
        try:
            async with scheduler.lease(models["a"], DEFAULT) as lease:
                text, _ = await complete(lease, ask())
            pid = scheduler.loaded()[0].pid
        finally:
            await scheduler.close()
        return text, is_running(pid)

    def run():
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            outcome.append(runner.run(scenario()))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    ((text, is_left),) = outcome
    assert text
    assert not is_left
