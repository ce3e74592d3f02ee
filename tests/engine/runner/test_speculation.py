"""Drafting in a real runner: fewer steps, the same answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import frames
from tests.engine.runner.near_ties import assert_same
from tests.engine.runner.runner_process import Answer, RunnerProcess, chat_prompt
from tests.gguf_models import write_random_llama, write_random_mamba


@pytest.fixture(scope="module", params=["q8_0", "q4_0"])
def speaker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunnerProcess]:
    """A random model. Its types are those whose kernels give the same result for a token
    whatever else is in the batch; f16 and the K-quants round differently in larger batches."""
    path = tmp_path_factory.mktemp("models") / "model.gguf"
    write_random_llama(path, n_layer=2, n_embd=128, file_type=request.param, seed=3)
    with RunnerProcess() as process:
        process.load(path, num_ctx=1024, num_parallel=2)
        yield process


def steps_of(
    runner: RunnerProcess, prompt: str | tuple[int, ...], **settings: object
) -> tuple[Answer, int]:
    runner.answer(prompt, num_predict=1)  # from now on the prompt is known, each time the same
    before = runner.status().steps
    answer = runner.answer(prompt, **settings)
    return answer, runner.status().steps - before


def test_text_that_repeats_itself_takes_fewer_steps(runner: RunnerProcess) -> None:
    """The bundled model gives the same answer to the same question: its own text comes again."""
    question = chat_prompt("Why is the sky blue?")
    first = runner.answer(question)
    again = question + first.text + "<|im_end|>\n" + question

    drafted, few = steps_of(runner, again, num_predict=80)
    plain, many = steps_of(runner, again, num_predict=80, speculate=False)

    assert drafted.text == plain.text
    assert drafted.end.tokens == plain.end.tokens
    assert drafted.end.reason == plain.end.reason
    assert few <= many


@pytest.mark.parametrize("seed", range(6))
def test_greedy_answers_are_the_same_token_for_token(speaker: RunnerProcess, seed: int) -> None:
    prompt = tuple(100 + (7 * seed + 13 * number) % 3000 for number in range(40)) * 2
    sampling = frames.Sampling(temperature=0, repeat_penalty=1.0 + 0.02 * seed)

    drafted, few = steps_of(speaker, prompt, num_predict=200, sampling=sampling)
    plain, many = steps_of(speaker, prompt, num_predict=200, sampling=sampling, speculate=False)

    assert drafted.end.tokens == plain.end.tokens
    assert drafted.text == plain.text
    assert few <= many


def test_circles_are_drafted(speaker: RunnerProcess) -> None:
    """A forced circle: only four tokens may be said at all."""
    bias = tuple((token, 60.0 + token / 1000) for token in (300, 301, 302, 303))
    settings = {"logit_bias": bias, "num_predict": 200}
    sampling = frames.Sampling(temperature=0, frequency_penalty=2.0, repeat_last_n=64)
    drafted, few = steps_of(speaker, (5, 6, 7), sampling=sampling, **settings)
    plain, many = steps_of(speaker, (5, 6, 7), sampling=sampling, speculate=False, **settings)

    assert drafted.end.tokens == plain.end.tokens
    assert many >= 200
    assert few < many


@pytest.mark.parametrize("seed", range(3))
def test_drawn_answers_are_the_same_for_the_same_seed(speaker: RunnerProcess, seed: int) -> None:
    bias = tuple((token, 60.0) for token in (300, 301))
    sampling = frames.Sampling(temperature=0.7, seed=seed)

    drafted = speaker.answer((5, 6, 7), num_predict=150, sampling=sampling, logit_bias=bias)
    plain = speaker.answer(
        (5, 6, 7), num_predict=150, sampling=sampling, logit_bias=bias, speculate=False
    )

    assert drafted.end.tokens == plain.end.tokens


def test_wrong_guesses_leave_no_trace(fresh_runner: RunnerProcess, exact_model: Path) -> None:
    """What follows an answer with drafts finds the same context as without."""
    fresh_runner.load(exact_model, num_ctx=512, num_parallel=1, kv_cache_type="f32")
    circle = tuple(range(300, 330))
    first = fresh_runner.answer(circle * 3, num_predict=60)
    kept = fresh_runner.answer((*first.end.tokens, 17), num_predict=20)
    assert kept.end.cached_tokens >= len(first.end.tokens) - 1

    fresh_runner.answer(tuple(range(2000, 2400)), num_predict=1)
    cold = fresh_runner.answer((*first.end.tokens, 17), num_predict=20, speculate=False)

    assert_same(fresh_runner, kept.end.tokens, cold.end.tokens, {})


def test_memory_that_cannot_be_cut_gets_no_drafts(
    fresh_runner: RunnerProcess, tmp_path: Path
) -> None:
    fresh_runner.load(write_random_mamba(tmp_path / "model.gguf"), num_ctx=512, num_parallel=1)
    bias = ((300, 60.0),)
    pattern = tuple(range(300, 320)) * 4

    answer, steps = steps_of(fresh_runner, pattern, num_predict=25, logit_bias=bias)

    assert answer.end.generated_tokens == 25
    assert steps >= 25
