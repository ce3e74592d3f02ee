"""Requests to a real runner process: answers, batching, cancellation, limits, prefix reuse."""

import queue
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from engine import frames
from engine.runner.cancellation import Cancellation
from engine.runner.inbox import Inbox
from engine.runner.llama import (
    AbortFlag,
    Context,
    ContextSettings,
    Model,
    ModelSettings,
    start_backend,
)
from engine.runner.loop import EngineLoop, LoopSettings
from engine.runner.prompt import TOO_LONG
from tests.conftest import TINY_MODEL
from tests.engine.runner.runner_process import (
    DEADLINE_S,
    GREEDY,
    Answer,
    RunnerProcess,
    chat_prompt,
)
from tests.gguf_models import write_random_llama, write_random_mamba

SKY = chat_prompt("Why is the sky blue?")
QUESTIONS = [
    "Why is the sky blue?",
    "Write a short story about a fox.",
    "What is the capital of France?",
    "Tell me a joke",
]


def test_model_answers(runner: RunnerProcess) -> None:
    answer = runner.answer(SKY)

    assert answer.text.startswith("<think>")
    assert "Rayleigh scattering" in answer.text.partition("</think>")[2]
    assert answer.end.reason == "stop"
    assert answer.end.prompt_tokens == 14
    # The end token counts as generated, but is neither text nor output.
    assert answer.end.generated_tokens == len(answer.end.tokens) - 14 + 1
    assert sum(chunk.num_tokens for chunk in answer.chunks) == answer.end.generated_tokens - 1
    assert answer.end.prompt_ns > 0
    assert answer.end.eval_ns > 0


def test_requests_interleave_and_answer_as_if_alone(runner: RunnerProcess) -> None:
    alone = [runner.answer(chat_prompt(question)).text for question in QUESTIONS]

    ids = [runner.start(chat_prompt(question)) for question in QUESTIONS]
    order: list[int] = []
    texts = dict.fromkeys(ids, "")
    while len([x for x in order if x < 0]) < len(ids):
        report = runner.next_report()
        if isinstance(report, frames.Chunk):
            order.append(report.request_id)
            texts[report.request_id] += report.text
        else:
            assert isinstance(report, frames.Finished), report
            order.append(-1)
    together = order[: order.index(-1)]

    assert list(texts.values()) == alone
    switches = sum(one != other for one, other in pairwise(together))
    assert switches > len(together) // 2


def test_requests_beyond_the_slots_wait_their_turn(runner: RunnerProcess) -> None:
    ids = [runner.start(chat_prompt("Tell me a joke"), num_predict=30) for _ in range(6)]
    runner.send(frames.GetStatus(1000))
    answers = {request_id: Answer() for request_id in ids}
    ended: list[int] = []
    status = None
    while len(ended) < 6:
        match runner.next_report():
            case frames.Chunk() as chunk:
                answers[chunk.request_id].text += chunk.text
            case frames.Finished() as finished:
                ended.append(finished.request_id)
            case frames.Status() as status:
                pass
            case report:
                raise AssertionError(report)

    assert status is not None
    assert status.slots_total == 4
    assert status.slots_busy + status.queued <= 6
    assert len({answer.text for answer in answers.values()}) == 1
    assert set(ended[4:]) == set(ids[4:])


def test_seed_makes_an_answer_repeatable(runner: RunnerProcess) -> None:
    story = chat_prompt("Write a short story about a fox.")

    def tell(seed: int) -> str:
        sampling = frames.Sampling(temperature=1.5, seed=seed, top_p=1.0)
        return runner.answer(story, sampling=sampling, num_predict=60).text

    assert tell(7) == tell(7)
    assert len({tell(seed) for seed in range(4)}) > 1


@pytest.mark.parametrize("repeat_last_n", [-1, 0, 1, 64, 2**31 - 1])
def test_penalties_work_with_any_window(runner: RunnerProcess, repeat_last_n: int) -> None:
    sampling = frames.Sampling(temperature=0, repeat_penalty=1.8, repeat_last_n=repeat_last_n)

    answer = runner.answer(SKY, sampling=sampling, num_predict=40)

    plain = runner.answer(SKY, num_predict=40).text
    if repeat_last_n == 0:
        assert answer.text == plain
    elif repeat_last_n != 1:  # the model hardly ever says a word twice in a row
        assert answer.text != plain


def test_stop_string_across_tokens_ends_the_text_before_it(runner: RunnerProcess) -> None:
    whole = runner.answer(SKY).text
    stop = whole[40:60]

    answer = runner.answer(SKY, stop=("never seen", stop))

    assert answer.text == whole[:40]
    assert answer.end.reason == "stop"


def test_control_token_as_stop_string_stops(runner: RunnerProcess) -> None:
    story = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    whole = runner.answer(story)
    tokens = whole.end.tokens[whole.end.prompt_tokens :]
    assert len(tokens) > 3

    # The end of a turn is hidden text: as a stop string it must work all the same.
    answer = runner.answer(story, stop=("<|im_end|>",), visible_tokens=())

    assert answer.text == whole.text
    assert answer.end.reason == "stop"


def runner_tokens(runner: RunnerProcess, text: str) -> tuple[int, ...]:
    report = runner.ask(frames.Tokenize, text)
    assert isinstance(report, frames.Tokens)
    return report.tokens


@pytest.mark.parametrize("num_predict", [1, 2, 7])
def test_num_predict_limits_the_answer(runner: RunnerProcess, num_predict: int) -> None:
    answer = runner.answer(SKY, num_predict=num_predict)

    assert answer.end.reason == "length"
    assert answer.end.generated_tokens == num_predict
    assert len(answer.end.tokens) == 14 + num_predict


def test_num_predict_zero_ends_at_once(runner: RunnerProcess) -> None:
    answer = runner.answer(SKY, num_predict=0)

    assert (answer.text, answer.end.reason, answer.end.generated_tokens) == ("", "length", 0)
    assert answer.end.prompt_tokens == 14


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("", "the prompt is empty"),
        ((), "the prompt is empty"),
        ((1, 2, 4096), "token 4096 is not in the model's vocabulary"),
        ((-1,), "token -1 is not in the model's vocabulary"),
    ],
)
def test_impossible_prompt_fails(
    runner: RunnerProcess, prompt: str | tuple[int, ...], message: str
) -> None:
    failed = runner.answer(prompt).failed

    assert failed is not None
    assert (failed.kind, failed.message) == ("invalid", message)


def test_impossible_sampling_fails(runner: RunnerProcess) -> None:
    failed = runner.answer(SKY, sampling=frames.Sampling(temperature=float("nan"))).failed

    assert failed is not None
    assert (failed.kind, failed.message) == ("invalid", "temperature must be finite")


def test_text_becomes_tokens_and_tokens_text(runner: RunnerProcess) -> None:
    text = "Grüße, 世界 😀<|im_end|>"

    tokens = runner_tokens(runner, text)
    plain = runner.ask(frames.Tokenize, text, parse_special=False)
    back = runner.ask(frames.Detokenize, tokens)
    bad = runner.ask(frames.Detokenize, (1, 99_999))

    assert tokens[-1] == 4069
    assert isinstance(plain, frames.Tokens)
    assert 4069 not in plain.tokens
    assert isinstance(back, frames.Text)
    assert back.text == text
    assert isinstance(bad, frames.Failed)
    assert bad.kind == "invalid"


# --- prefix reuse --------------------------------------------------------------------------------


def test_known_prefix_is_not_evaluated_again(runner: RunnerProcess) -> None:
    first = runner.answer(chat_prompt("What is the capital of France?"))
    followed = first.end.tokens + runner_tokens(runner, "<|im_end|>\n<|im_start|>user\nThanks")

    again = runner.answer(chat_prompt("What is the capital of France?"))
    longer = runner.answer(followed, num_predict=5)

    # The last prompt token is always evaluated.
    assert again.end.cached_tokens == again.end.prompt_tokens - 1
    assert again.text == first.text
    assert longer.end.cached_tokens == len(first.end.tokens)


def test_unrelated_prompt_takes_the_least_recently_used_slot(fresh_runner: RunnerProcess) -> None:
    fresh_runner.load(num_ctx=512, num_parallel=2)
    fox, sky = chat_prompt("Write a short story about a fox."), tuple(range(300, 340))

    fresh_runner.answer(fox, num_predict=3)
    fresh_runner.answer(sky, num_predict=3)

    assert fresh_runner.answer(fox, num_predict=3).end.cached_tokens > 0
    assert fresh_runner.answer(tuple(range(500, 530)), num_predict=3).end.cached_tokens == 0
    assert fresh_runner.answer(fox, num_predict=3).end.cached_tokens > 0
    assert fresh_runner.answer(sky, num_predict=3).end.cached_tokens == 0


@pytest.mark.parametrize("kind", ["window", "recurrent"])
def test_memory_that_cannot_be_cut_starts_over(
    fresh_runner: RunnerProcess, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "model.gguf"
    if kind == "window":
        write_random_llama(path, n_layer=6, window=32)
    else:
        write_random_mamba(path)
    fresh_runner.load(path, num_ctx=2048, num_parallel=1, num_batch=64)
    long = tuple(range(100, 1100))

    cold = fresh_runner.answer(long, num_predict=8)
    extended = fresh_runner.answer((*cold.end.tokens[:-1], 99), num_predict=8)
    forked = fresh_runner.answer((*long[:400], 7, 8, 9), num_predict=8)
    fork_again = fresh_runner.answer(long, num_predict=8)

    assert extended.end.cached_tokens >= len(cold.end.tokens) - 2
    assert forked.end.cached_tokens == 0
    assert fork_again.end.tokens == cold.end.tokens


# --- the end of the context ----------------------------------------------------------------------


def test_prompt_longer_than_the_context(runner: RunnerProcess) -> None:
    prompt = tuple(range(100, 900))

    fitted = runner.answer(prompt, num_predict=2, num_keep=10)
    strict = runner.answer(prompt, truncate=False).failed
    fixed = runner.answer(prompt, shift=False).failed

    kept = 512 - (512 - 10) // 2
    assert fitted.end.truncated_tokens == 800 - kept
    assert fitted.end.prompt_tokens == kept
    assert fitted.end.tokens[:kept] == prompt[:10] + prompt[-(kept - 10) :]
    for failed in (strict, fixed):
        assert failed is not None
        assert (failed.kind, failed.message) == ("invalid", TOO_LONG)


def test_full_context_shifts_or_ends(fresh_runner: RunnerProcess, endless_model: Path) -> None:
    fresh_runner.load(endless_model, num_ctx=64, num_parallel=2)
    prompt = tuple(range(100, 120))
    sampling = frames.Sampling(seed=3, temperature=1.5)

    shifted = fresh_runner.answer(prompt, num_predict=200, sampling=sampling)
    fixed = fresh_runner.answer(prompt, num_predict=200, sampling=sampling, shift=False)
    endless = fresh_runner.answer(prompt, sampling=sampling)

    assert (shifted.end.reason, shifted.end.generated_tokens) == ("length", 200)
    # 64 cells hold the prompt and 44 tokens; the 45th is sampled, but has no cell any more.
    assert (fixed.end.reason, fixed.end.generated_tokens) == ("length", 45)
    assert fixed.end.tokens == shifted.end.tokens[: 20 + 45]
    assert endless.end.generated_tokens == 640
    assert fresh_runner.status().kv_tokens <= 128


def test_repeating_itself_ends_an_answer(fresh_runner: RunnerProcess, tmp_path: Path) -> None:
    model = write_random_llama(tmp_path / "model.gguf", seed=5)
    fresh_runner.load(model, num_ctx=2048, num_parallel=1)
    answer = fresh_runner.answer((100,) * 50, sampling=frames.Sampling(temperature=0))
    tail = answer.end.tokens[-31:]

    # A tiny random model soon finds a word that it likes.
    assert answer.end.reason == "length"
    assert answer.end.generated_tokens < 20480
    assert len(set(tail)) == 1
    assert answer.end.tokens[-32] != tail[0]


def test_context_is_capped_to_what_the_model_knows(fresh_runner: RunnerProcess) -> None:
    ready = fresh_runner.load(num_ctx=1_000_000, num_parallel=1)

    assert ready.num_ctx == ready.num_ctx_train == 2048


# --- cancellation --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endless(endless_model: Path) -> Iterator[RunnerProcess]:
    with RunnerProcess() as process:
        process.load(endless_model, num_ctx=8192, num_parallel=2, num_batch=8192)
        yield process


SAMPLED = frames.Sampling(seed=1, temperature=1.5)


def test_cancel_frees_the_slot_within_one_step(endless: RunnerProcess) -> None:
    request_id = endless.start("Hi", sampling=SAMPLED)
    assert isinstance(endless.next_report(), frames.Chunk)

    before = endless_status(endless)
    endless.send(frames.Cancel(request_id), frames.GetStatus(1001))
    reports = []
    while not (reports and isinstance(reports[-1], frames.Status)):
        reports.append(endless.next_report())
    after = reports[-1]

    assert before.slots_busy == 1
    assert isinstance(after, frames.Status)
    assert after.slots_busy == 0
    (finished,) = [report for report in reports if isinstance(report, frames.Finished)]
    assert (finished.request_id, finished.reason) == (request_id, "cancelled")
    assert endless.answer("Hi", num_predict=2).end.reason == "length"


def endless_status(endless: RunnerProcess) -> frames.Status:
    """The status while streams run: their chunks are dropped."""
    endless.send(frames.GetStatus(1000))
    while not isinstance(report := endless.next_report(), frames.Status):
        pass
    return report


def test_cancel_interrupts_a_long_prompt(endless: RunnerProcess) -> None:
    prompt = tuple(100 + number % 3000 for number in range(3000))
    started = time.monotonic()
    whole = endless.answer(prompt, num_predict=1, sampling=SAMPLED)
    whole_s = time.monotonic() - started
    assert whole.end.cached_tokens == 0

    steps = endless.status().steps
    request_id = endless.start(tuple(reversed(prompt)), sampling=SAMPLED)
    wait_for_work(endless, whole_s / 10)
    cancelled = time.monotonic()
    endless.send(frames.Cancel(request_id))
    answer = endless.follow(request_id)[request_id]
    took_s = time.monotonic() - cancelled

    assert answer.end.reason == "cancelled"
    assert answer.end.generated_tokens == 0
    assert took_s < whole_s / 2
    assert endless.status().steps == steps + 1
    assert endless.answer(prompt[:50], num_predict=3).end.reason == "length"


def wait_for_work(runner: RunnerProcess, cpu_s: float) -> None:
    """Until the runner has used that much CPU time more: it says nothing while it decodes."""
    process = psutil.Process(runner.process.pid)
    before = process.cpu_times().user
    deadline = time.monotonic() + DEADLINE_S
    while process.cpu_times().user < before + cpu_s:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_cancelling_one_does_not_harm_the_other(endless: RunnerProcess) -> None:
    kept = endless.start("One two three", num_predict=40, sampling=SAMPLED)
    dropped = endless.start(tuple(range(100, 1100)), sampling=SAMPLED)
    endless.send(frames.Cancel(dropped), frames.Cancel(dropped), frames.Cancel(99_999))

    answers = endless.follow(kept, dropped)

    assert answers[dropped].end.reason == "cancelled"
    assert (answers[kept].end.reason, answers[kept].end.generated_tokens) == ("length", 40)


def test_cancel_of_a_waiting_request(endless: RunnerProcess) -> None:
    first, second = (endless.start(f"Number {n}", sampling=SAMPLED) for n in range(2))
    waiting = endless.start("Three", sampling=SAMPLED)
    endless.send(frames.Cancel(waiting))
    while not isinstance(report := endless.next_report(), frames.Finished):
        assert isinstance(report, frames.Chunk), report

    assert (report.request_id, report.reason) == (waiting, "cancelled")
    endless.send(frames.Cancel(first), frames.Cancel(second))
    endless.follow(first, second)


def test_running_stream_goes_on_while_a_long_prompt_comes_in(endless: RunnerProcess) -> None:
    stream = endless.start("Hi", sampling=SAMPLED)
    assert isinstance(endless.next_report(), frames.Chunk)
    late = endless.start(tuple(100 + 7 * n % 3000 for n in range(1100)), num_predict=1)
    between = 0
    while not isinstance(report := endless.next_report(), frames.Finished):
        assert isinstance(report, frames.Chunk), report
        between += report.request_id == stream

    assert report.request_id == late
    assert between >= 3
    endless.send(frames.Cancel(stream))
    endless.follow(stream)


# --- a step that fails ---------------------------------------------------------------------------


def test_failing_step_fails_its_requests_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A loop that was promised more cells than the context has: llama_decode refuses."""
    caplog.set_level("CRITICAL", "engine.runner.loop")
    start_backend()
    model = Model(ModelSettings(str(TINY_MODEL)), lambda progress: True)
    flag = AbortFlag()
    context = Context(model, ContextSettings(256, 2, 64, 1), flag)
    inbox: Inbox = queue.SimpleQueue()
    sent: list[frames.Frame] = []

    def send(reports: list[frames.Frame]) -> None:
        sent.extend(reports)
        if any(isinstance(report, frames.Finished) for report in reports):
            inbox.put((frames.Shutdown(), time.monotonic_ns()))

    loop = EngineLoop(
        context,
        model.vocabulary,
        LoopSettings(num_ctx=2048, num_slots=2, num_batch=64),
        inbox=inbox,
        send=send,
        cancellation=Cancellation(flag),
    )
    for command in (
        frames.Generate(1, tuple(range(100, 400)), sampling=GREEDY),
        frames.Generate(2, tuple(range(400, 700)), sampling=GREEDY),
        frames.Generate(3, SKY, sampling=GREEDY, num_predict=20),
        frames.GetStatus(4),
    ):
        inbox.put((command, time.monotonic_ns()))

    loop.run()
    context.close()
    model.close()

    failed = [report for report in sent if isinstance(report, frames.Failed)]
    assert [(report.request_id, report.kind) for report in failed] == [
        (1, "internal"),
        (2, "internal"),
    ]
    assert "an error was encountered while running the model" in failed[0].message
    finished = [report for report in sent if isinstance(report, frames.Finished)]
    assert [(report.request_id, report.generated_tokens) for report in finished] == [(3, 20)]
