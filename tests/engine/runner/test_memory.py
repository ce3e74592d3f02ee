"""A runner does not grow, whatever is asked of it."""

import os
from pathlib import Path

import psutil

from engine import frames
from tests.engine.runner.runner_process import RunnerProcess

NUM_REQUESTS = int(os.environ.get("CORRAL_SOAK_REQUESTS", "300"))
WARM_UP = 100
MAX_GROWTH = 1.05


def ask(runner: RunnerProcess, number: int) -> None:
    """Unique prompts, log-probabilities, constraints, stop strings, drafts, failures."""
    prompt = tuple(100 + (number * 31 + 7 * n) % 3000 for n in range(30 + number % 40))
    constraint = frames.Constraint("json") if number % 10 == 3 else None
    runner.answer(
        prompt,
        num_predict=8,
        top_logprobs=3 if number % 4 == 1 else -1,
        constraint=constraint,
        stop=(f"never {number}",),
        logit_bias=((300 + number % 50, 5.0),) if number % 3 else (),
        sampling=frames.Sampling(seed=number, temperature=0.8, top_k=40),
    )
    if number % 7 == 0:
        runner.answer((), num_predict=1)  # fails
        runner.send(frames.Cancel(runner.start(prompt, num_predict=500)))
        while not isinstance(runner.next_report(), frames.Finished):
            pass


def test_requests_leave_nothing_behind(exact_model: Path) -> None:
    with RunnerProcess() as runner:
        runner.load(exact_model, num_ctx=256, num_parallel=4)
        process = psutil.Process(runner.process.pid)
        for number in range(WARM_UP):
            ask(runner, number)
        before = process.memory_info().rss
        for number in range(WARM_UP, NUM_REQUESTS):
            ask(runner, number)
        after = process.memory_info().rss

    assert after < before * MAX_GROWTH
