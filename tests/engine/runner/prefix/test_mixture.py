"""Requests that share prefixes in every way, cancellations and evictions, all at once."""

import random
from pathlib import Path

import pytest

from engine import frames
from tests.engine.runner.runner_process import RunnerProcess

PARTS = [
    "You are a helpful assistant who answers briefly. " * 12,
    "The fox lives in a forest with many other animals. " * 9,
    "Tools: search, calculator, calendar, weather and mail. " * 8,
    "The tides of the sea follow the moon, as sailors know. " * 7,
]
TAILS = ["Why?", "Tell me more about it.", "What is the capital of France?", "And then"]
NUM_PREDICT = 6
MIN_MARGIN = 0.3


def make_prompt(choice: random.Random) -> str:
    parts = [choice.choice(PARTS) for _ in range(choice.randint(1, 3))]
    return "".join([*parts, choice.choice(TAILS)])


@pytest.fixture(scope="module")
def prompts() -> dict[str, str]:
    """Prompts and their answers, each evaluated alone and from nothing.

    Sums of floats depend on what else is in a batch, in the last bits. Where the two likeliest
    tokens are as good as equal that decides; such prompts say nothing about the cache.
    """
    choice = random.Random(1)
    wanted = {make_prompt(choice) for _ in range(40)}
    answers: dict[str, str] = {}
    with RunnerProcess() as process:
        process.load(num_ctx=1024, num_parallel=1)
        for prompt in sorted(wanted):
            process.answer((100, 101), num_predict=1)  # takes the only slot
            answer = process.answer(prompt, num_predict=NUM_PREDICT, top_logprobs=2)
            assert answer.end.cached_tokens == 0
            tokens = [token for chunk in answer.chunks for token in chunk.logprobs]
            margins = [token.top[0].logprob - token.top[1].logprob for token in tokens]
            if answer.end.reason == "length" and min(margins) > MIN_MARGIN:
                answers[prompt] = answer.text
    assert len(answers) >= 8
    return answers


@pytest.mark.parametrize("seed", range(3))
def test_answers_do_not_depend_on_where_prefixes_come_from(
    prompts: dict[str, str], tmp_path: Path, seed: int
) -> None:
    choice = random.Random(seed)
    known = sorted(prompts)
    num_cached = 0
    for _ in range(2):  # the second process finds what the first one saved
        with RunnerProcess() as process:
            process.load(
                num_ctx=1024,
                num_parallel=choice.choice([1, 2, 3]),
                num_cells=choice.choice([0, 1024]),
                cache_ram_bytes=choice.choice([0, 3_000_000, 30_000_000]),
                cache_folder=str(tmp_path),
                cache_disk_bytes=40_000_000,
                model_digest="tiny",
            )
            for _ in range(6):
                asked = [choice.choice(known) for _ in range(choice.randint(1, 5))]
                ids = [process.start(prompt, num_predict=NUM_PREDICT) for prompt in asked]
                dropped = set(choice.sample(ids, choice.randint(0, len(ids) // 2)))
                process.send(*(frames.Cancel(request_id) for request_id in sorted(dropped)))
                answers = process.follow(*ids)
                for request_id, prompt in zip(ids, asked, strict=True):
                    answer = answers[request_id]
                    num_cached += answer.end.cached_tokens
                    if request_id in dropped:
                        assert prompts[prompt].startswith(answer.text)
                    else:
                        assert answer.text == prompts[prompt]
            process.send(frames.Shutdown())
            assert process.wait() == 0
            assert not process.stderr, process.stderr.decode()
    assert num_cached > 1000
    assert sum(file.stat().st_size for file in tmp_path.rglob("*.state")) <= 40_000_000
