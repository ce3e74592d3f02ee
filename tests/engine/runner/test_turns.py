"""Who is served first, and how a long prompt shares the runner with a stream."""

from pathlib import Path

from engine import frames
from tests.engine.runner.runner_process import RunnerProcess

ENDLESS = frames.Sampling(seed=1, temperature=1.5)


def test_waiting_requests_are_served_by_priority(
    fresh_runner: RunnerProcess, endless_model: Path
) -> None:
    fresh_runner.load(endless_model, num_ctx=512, num_parallel=1)
    busy = fresh_runner.start("Hi", sampling=ENDLESS, num_predict=40)
    assert isinstance(fresh_runner.next_report(), frames.Chunk)
    background, client, window = (
        fresh_runner.start("Hello", num_predict=2, priority=priority) for priority in (2, 1, 0)
    )
    ended: list[int] = []
    while len(ended) < 4:
        report = fresh_runner.next_report()
        if isinstance(report, frames.Finished):
            ended.append(report.request_id)

    assert ended == [busy, window, client, background]


def test_stream_gets_a_token_in_every_step_beside_a_prompt(
    fresh_runner: RunnerProcess, endless_model: Path
) -> None:
    fresh_runner.load(endless_model, num_ctx=4096, num_parallel=2, num_batch=512)
    stream = fresh_runner.start("Hi", sampling=ENDLESS)
    assert isinstance(fresh_runner.next_report(), frames.Chunk)
    prompt = tuple(100 + 7 * number % 3000 for number in range(3000))
    late = fresh_runner.start(prompt, num_predict=1, sampling=ENDLESS)
    fresh_runner.send(frames.GetStatus(5000))
    steps, told = [], 0
    ended = False
    while len(steps) < 2:
        report = fresh_runner.next_report()
        if isinstance(report, frames.Status):
            steps.append(report.steps)
        elif isinstance(report, frames.Finished):
            assert report.request_id == late
            ended = True
            fresh_runner.send(frames.GetStatus(5001))
        elif isinstance(report, frames.Chunk) and not ended and steps:
            told += report.num_tokens if report.request_id == stream else 0
    fresh_runner.send(frames.Cancel(stream))

    # One token per step; a few wait to be told, at either end.
    assert abs(told - (steps[1] - steps[0])) <= 20
    assert steps[1] - steps[0] >= 3000 / 512


def test_short_prompt_overtakes_a_long_one(
    fresh_runner: RunnerProcess, endless_model: Path
) -> None:
    fresh_runner.load(endless_model, num_ctx=4096, num_parallel=2, num_batch=128)
    long = fresh_runner.start(tuple(range(100, 3100)), num_predict=1)
    short = fresh_runner.start(tuple(range(3200, 3240)), num_predict=1)
    ended: list[int] = []
    while len(ended) < 2:
        report = fresh_runner.next_report()
        if isinstance(report, frames.Finished):
            ended.append(report.request_id)

    assert ended == [short, long]
