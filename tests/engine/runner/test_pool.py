"""More slots than cells: requests swap out and in, the budget holds, answers stay the same."""

from pathlib import Path

from engine import frames
from tests.engine.runner.near_ties import assert_same
from tests.engine.runner.runner_process import Answer, RunnerProcess

NUM_CTX = 256
PROMPTS = [tuple(100 + (37 * number + 11 * n) % 3000 for number in range(60)) for n in range(5)]


def collect(runner: RunnerProcess, ids: list[int]) -> tuple[dict[int, Answer], list[frames.Status]]:
    """Answers of these requests, asking for the status with every report."""
    answers = {request_id: Answer() for request_id in ids}
    statuses: list[frames.Status] = []
    number = 10_000
    while not all(answer.finished for answer in answers.values()):
        report = runner.next_report()
        if isinstance(report, frames.Status):
            statuses.append(report)
            continue
        assert isinstance(report, frames.Chunk | frames.Finished), report
        if isinstance(report, frames.Finished):
            answers[report.request_id].finished = report
        elif report.request_id == ids[0]:
            number += 1
            runner.send(frames.GetStatus(number))
    while len(statuses) < number - 10_000:
        report = runner.next_report()
        assert isinstance(report, frames.Status)
        statuses.append(report)
    return answers, statuses


def test_small_pool_serves_more_than_fits(fresh_runner: RunnerProcess, exact_model: Path) -> None:
    fresh_runner.load(
        exact_model, num_ctx=NUM_CTX, num_parallel=4, num_cells=NUM_CTX, kv_cache_type="f32"
    )
    alone = [fresh_runner.answer(prompt, num_predict=100).end.tokens for prompt in PROMPTS]

    ids = [fresh_runner.start(prompt, num_predict=100) for prompt in PROMPTS]
    answers, statuses = collect(fresh_runner, ids)

    for request_id, expected in zip(ids, alone, strict=True):
        assert_same(fresh_runner, answers[request_id].end.tokens, expected, {})
    assert statuses
    assert max(status.kv_tokens for status in statuses) <= NUM_CTX
    assert max(status.queued for status in statuses) > 0


def test_lone_request_may_use_the_whole_pool(
    fresh_runner: RunnerProcess, exact_model: Path
) -> None:
    ready = fresh_runner.load(
        exact_model, num_ctx=NUM_CTX, num_parallel=4, num_cells=300, kv_cache_type="f32"
    )
    prompt = tuple(100 + 3 * number for number in range(200))

    answer = fresh_runner.answer(prompt, num_predict=50)

    assert (ready.num_ctx, ready.num_parallel) == (NUM_CTX, 4)
    assert answer.end.generated_tokens == 50
    assert answer.end.truncated_tokens == 0


def test_swapped_request_can_be_cancelled(fresh_runner: RunnerProcess, exact_model: Path) -> None:
    fresh_runner.load(
        exact_model, num_ctx=NUM_CTX, num_parallel=2, num_cells=NUM_CTX, kv_cache_type="f32"
    )
    sampling = frames.Sampling(seed=1, temperature=1.5)
    first, second = (
        fresh_runner.start(prompt, sampling=sampling, num_predict=190) for prompt in PROMPTS[:2]
    )
    swapped = None
    number = 20_000
    while swapped is None:
        report = fresh_runner.next_report()
        assert not isinstance(report, frames.Finished), report
        if isinstance(report, frames.Status):
            swapped = report if report.queued else None
        elif isinstance(report, frames.Chunk) and report.request_id == first:
            number += 1
            fresh_runner.send(frames.GetStatus(number))
    fresh_runner.send(frames.Cancel(second), frames.Cancel(first))
    ended: dict[int, frames.Finished] = {}
    while len(ended) < 2:
        report = fresh_runner.next_report()
        if isinstance(report, frames.Finished):
            ended[report.request_id] = report

    assert ended[second].reason == ended[first].reason == "cancelled"
    assert ended[second].generated_tokens > 0
    assert fresh_runner.answer(PROMPTS[0], num_predict=2).end.reason == "length"
