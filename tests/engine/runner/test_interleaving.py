"""Random requests, cancellations and evictions, mixed: every greedy answer is the one that the
same request gets alone. `CORRAL_SOAK_S` sets how long this goes on (seconds)."""

import os
import random
import time
from pathlib import Path

from engine import frames
from tests.engine.runner.near_ties import assert_same
from tests.engine.runner.runner_process import RunnerProcess

DURATION_S = float(os.environ.get("CORRAL_SOAK_S", "4"))
NUM_CTX = 384
NUM_CELLS = 512
NUM_REQUESTS = 24


def random_request(chooser: random.Random) -> dict[str, object]:
    """Prompts share prefixes, some repeat themselves, some are long."""
    family = chooser.randrange(3)
    prompt = [
        300 + (family * 71 + 13 * number) % 3000 for number in range(chooser.randrange(2, 120))
    ]
    prompt += [chooser.randrange(100, 4000) for _ in range(chooser.randrange(1, 60))]
    if chooser.random() < 0.3:
        prompt += prompt[-40:] * 2
    bias: tuple[tuple[int, float], ...] = ()
    if chooser.random() < 0.3:  # talks in circles, which is what drafts are made for
        bias = tuple((300 + number, 50.0 + number) for number in range(4))
    return {
        "prompt": tuple(prompt[: NUM_CTX - 130]),
        "num_predict": chooser.randrange(1, 120),
        "priority": chooser.randrange(3),
        "speculate": chooser.random() < 0.7,
        "logit_bias": bias,
        "sampling": frames.Sampling(temperature=0, frequency_penalty=chooser.choice((0.0, 1.5))),
    }


def test_answers_do_not_depend_on_what_else_goes_on(exact_model: Path) -> None:
    seed = random.randrange(2**32)
    chooser = random.Random(seed)
    requests = [random_request(chooser) for _ in range(NUM_REQUESTS)]
    with RunnerProcess() as runner:
        runner.load(
            exact_model,
            num_ctx=NUM_CTX,
            num_parallel=4,
            num_cells=NUM_CELLS,
            num_batch=64,
            kv_cache_type="f32",
        )
        alone = [runner.answer(**request).end.tokens for request in requests]  # type: ignore[arg-type]
        until = time.monotonic() + DURATION_S
        num_compared = 0
        while time.monotonic() < until:
            num_compared += mix(runner, chooser, requests, alone, seed)
    assert num_compared > 0


def mix(
    runner: RunnerProcess,
    chooser: random.Random,
    requests: list[dict[str, object]],
    alone: list[tuple[int, ...]],
    seed: int,
) -> int:
    """One round; returns how many whole answers were compared."""
    numbers = [chooser.randrange(len(requests)) for _ in range(chooser.randrange(1, 9))]
    ids = {runner.start(**requests[number]): number for number in numbers}  # type: ignore[arg-type]
    to_cancel = [request_id for request_id in ids if chooser.random() < 0.2]
    ended: dict[int, frames.Finished] = {}
    asked = 0
    while len(ended) < len(ids) or asked:
        report = runner.next_report()
        if isinstance(report, frames.Status):
            asked -= 1
            assert report.kv_tokens <= NUM_CELLS, f"seed {seed}"
            continue
        assert isinstance(report, frames.Chunk | frames.Finished), (report, seed)
        if isinstance(report, frames.Finished):
            ended[report.request_id] = report
            continue
        if chooser.random() < 0.05:
            runner.send(frames.GetStatus(1_000_000))
            asked += 1
        if to_cancel and chooser.random() < 0.1:
            runner.send(frames.Cancel(to_cancel.pop()))
    for request_id, number in ids.items():
        got, expected = ended[request_id].tokens, alone[number]
        if ended[request_id].reason == "cancelled":
            expected = expected[: len(got)]
        assert_same(runner, got, expected, requests[number], seed)
    return sum(report.reason != "cancelled" for report in ended.values())
