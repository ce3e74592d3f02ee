"""Every tier of the prefix cache in a real runner: what comes from it equals what is computed."""

import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine import frames
from engine.runner.prefix.state_file import SUFFIX
from tests.conftest import TINY_MODEL
from tests.engine.runner.runner_process import DEADLINE_S, Answer, RunnerProcess
from tests.gguf_models import write_random_llama, write_random_mamba

GIB = 1024**3
STORY = "Once upon a time there was a fox who lived in a forest. " * 40
OTHER = "The tides of the sea follow the moon, as sailors have always known. " * 40


def cached(answer: Answer) -> int:
    return answer.end.cached_tokens


@contextmanager
def loaded(
    model: Path = TINY_MODEL, folder: Path | None = None, **settings: object
) -> Iterator[RunnerProcess]:
    """A runner with a prefix cache, ended the way the scheduler ends it."""
    cache: dict[str, object] = {"cache_ram_bytes": GIB, "num_ctx": 2048, "num_parallel": 2}
    if folder is not None:
        cache |= {"cache_folder": str(folder), "cache_disk_bytes": GIB}
        cache |= {"model_digest": model.name}
    with RunnerProcess() as process:
        process.load(model, **(cache | settings))
        yield process
        process.send(frames.Shutdown())
        assert process.wait() == 0, process.stderr.decode()


def saved_files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/*{SUFFIX}"))


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cold() -> str:
    """The answer to STORY that is computed from nothing."""
    with loaded() as process:
        answer = process.answer(STORY, num_predict=24)
        assert cached(answer) == 0
        return answer.text


def test_live_prefix_gives_the_same_answer(cold: str) -> None:
    with loaded() as process:
        first = process.answer(STORY, num_predict=24)
        again = process.answer(STORY, num_predict=24)

    assert first.text == again.text == cold
    assert cached(again) == again.end.prompt_tokens - 1


def test_prefix_in_a_busy_slot_is_copied(cold: str) -> None:
    with loaded() as process:
        process.answer(STORY, num_predict=1)
        running = process.start(STORY + "The fox", num_predict=400)
        while not isinstance(process.next_report(), frames.Chunk):
            pass
        answer = process.start(STORY, num_predict=24)
        texts = []
        while True:
            report = process.next_report()
            if report.request_id == answer and isinstance(report, frames.Chunk):  # type: ignore[union-attr]
                texts.append(report.text)
            if isinstance(report, frames.Finished) and report.request_id == answer:
                break
        process.send(frames.Cancel(running))
        process.follow(running)

    assert "".join(texts) == cold
    assert report.cached_tokens == report.prompt_tokens - 1


def test_requests_that_come_together_evaluate_a_shared_prompt_once(cold: str) -> None:
    with loaded(num_parallel=4) as process:
        before = process.status()
        ids = [process.start(STORY, num_predict=24) for _ in range(4)]
        answers = process.follow(*ids)
        status = process.status()

    assert {answer.text for answer in answers.values()} == {cold}
    shared = sorted(cached(answer) for answer in answers.values())
    num_prompt = answers[ids[0]].end.prompt_tokens
    assert shared == [0] + [num_prompt - 1] * 3
    assert before.kv_tokens == 0
    # One prompt, four answers.
    assert num_prompt < status.kv_tokens < num_prompt + 4 * 25


def test_evicted_prefix_comes_back_from_memory(cold: str) -> None:
    with loaded(num_parallel=1) as process:
        process.answer(STORY, num_predict=24)
        other = process.answer(OTHER, num_predict=24)
        again = process.answer(STORY, num_predict=24)
        other_again = process.answer(OTHER, num_predict=24)

    assert again.text == cold
    assert other_again.text == other.text
    assert (cached(other), cached(again)) == (0, again.end.prompt_tokens - 1)
    assert cached(other_again) == other.end.prompt_tokens - 1


def test_without_a_budget_nothing_is_kept_in_memory(cold: str) -> None:
    with loaded(num_parallel=1, cache_ram_bytes=0) as process:
        process.answer(STORY, num_predict=24)
        process.answer(OTHER, num_predict=24)
        again = process.answer(STORY, num_predict=24)

    assert again.text == cold
    assert cached(again) == 0


def test_prefix_survives_the_process(cold: str, tmp_path: Path) -> None:
    with loaded(folder=tmp_path / "prefix") as process:
        process.answer(STORY, num_predict=24)
    (file,) = saved_files(tmp_path / "prefix")
    with loaded(folder=tmp_path / "prefix") as process:
        again = process.answer(STORY, num_predict=24)
        longer = process.answer(STORY + again.text + OTHER[:1500], num_predict=8)

    assert again.text == cold
    assert cached(again) == again.end.prompt_tokens - 1
    assert cached(longer) > cached(again)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    # The longer sequence has taken the place of its beginning.
    (successor,) = saved_files(tmp_path / "prefix")
    assert successor != file
    assert stat.S_IMODE(successor.stat().st_mode) == 0o600


def test_disk_without_memory_will_do(cold: str, tmp_path: Path) -> None:
    with loaded(folder=tmp_path, cache_ram_bytes=0) as process:
        process.answer(STORY, num_predict=24)
    with loaded(folder=tmp_path, cache_ram_bytes=0) as process:
        again = process.answer(STORY, num_predict=24)

    assert (again.text, cached(again)) == (cold, again.end.prompt_tokens - 1)


@pytest.mark.parametrize(
    "changed", [{"model_digest": "another"}, {"kv_cache_type": "q8_0"}, {"cache_disk_bytes": 0}]
)
def test_states_of_other_settings_are_not_used(tmp_path: Path, changed: dict[str, object]) -> None:
    with loaded(folder=tmp_path) as process:
        process.answer(STORY, num_predict=1)
    with loaded(folder=tmp_path, **changed) as process:
        again = process.answer(STORY, num_predict=1)

    assert cached(again) == 0


@pytest.mark.parametrize("kind", ["window", "recurrent"])
def test_memory_that_cannot_be_cut_goes_on_from_checkpoints(kind: str, tmp_path: Path) -> None:
    model = tmp_path / f"{kind}.gguf"
    if kind == "window":
        write_random_llama(model, n_layer=7, window=64)
    else:
        write_random_mamba(model)
    fork = STORY[:1600]
    with loaded(model, tmp_path / "cold", cache_disk_bytes=0, num_parallel=1) as process:
        expected = [
            process.answer(prompt, num_predict=16).text
            for prompt in (STORY, STORY + "x", fork + OTHER, fork + "y" + OTHER, fork + "z" + OTHER)
        ]
    with loaded(model, tmp_path / "disk") as process:
        first = process.answer(STORY, num_predict=16)
        again = process.answer(STORY, num_predict=16)
        ids = [process.start(STORY + "x", num_predict=16) for _ in range(2)]
        together = process.follow(*ids)
        forks = [
            process.answer(fork + prompt, num_predict=16)
            for prompt in (OTHER, "y" + OTHER, "z" + OTHER)
        ]
    with loaded(model, tmp_path / "disk") as process:
        restarted = process.answer(STORY, num_predict=16)

    length = first.end.prompt_tokens
    assert [first.text, forks[0].text, forks[1].text, forks[2].text] == expected[:1] + expected[2:]
    assert again.text == restarted.text == expected[0]
    assert {answer.text for answer in together.values()} == {expected[1]}
    assert (cached(first), cached(again), cached(restarted)) == (0, length - 1, length - 1)
    assert all(cached(answer) >= length - 1 for answer in together.values())
    # The second one that parts there leaves a state behind for the third.
    assert cached(forks[2]) > 0.8 * len(fork) / len(STORY) * length


def test_cancelled_prefills_harm_nobody(cold: str) -> None:
    with loaded(num_parallel=3) as process:
        ids = [process.start(STORY, num_predict=24) for _ in range(6)]
        for request_id in ids[::2]:
            process.send(frames.Cancel(request_id))
        answers = process.follow(*ids)
        last = process.answer(STORY, num_predict=24)

    for request_id in ids[1::2]:
        assert answers[request_id].text == cold
    assert last.text == cold
    assert cached(last) == last.end.prompt_tokens - 1
