"""The life of a runner process: start, load or not, end with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from engine import frames
from tests.conftest import ROOT, TINY_MODEL
from tests.engine.runner.runner_process import DEADLINE_S, RunnerProcess, chat_prompt

PARENT_DEATH_S = 2.0


def test_ready_describes_the_model(fresh_runner: RunnerProcess) -> None:
    ready = fresh_runner.load(num_ctx=256, num_parallel=2)

    assert (ready.num_ctx, ready.num_ctx_train, ready.num_parallel) == (256, 2048, 2)
    assert (ready.vocab_size, ready.bos_text, ready.eos_text) == (
        4096,
        "<|endoftext|>",
        "<|im_end|>",
    )
    assert ready.load_ns > 0
    assert "CPU" in ready.system_info
    # Weights of 6 MB and, at the least, a KV cache of 512 cells of 4 KiB.
    assert 6_000_000 + 512 * 4096 <= ready.size_bytes < 200_000_000
    assert ready.size_gpu_bytes == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"num_threads": 1, "use_mmap": False, "flash_attention": False},
        {"use_mmap": True, "flash_attention": True, "kv_cache_type": "q8_0"},
        {"num_batch": 1, "num_parallel": 1},
        {"num_ctx": 1, "num_parallel": 0, "num_batch": 0},
    ],
)
def test_settings_load_and_answer(fresh_runner: RunnerProcess, settings: dict[str, object]) -> None:
    ready = fresh_runner.load(**settings)

    assert ready.num_ctx >= 4
    assert fresh_runner.answer((100, 101), num_predict=3).end.generated_tokens == 3


def test_shutdown_ends_requests_and_process(fresh_runner: RunnerProcess) -> None:
    fresh_runner.load(num_parallel=1)
    running = fresh_runner.start(chat_prompt("Why is the sky blue?"))
    waiting = fresh_runner.start(chat_prompt("Tell me a joke"))
    assert isinstance(fresh_runner.next_report(), frames.Chunk)

    fresh_runner.send(frames.Shutdown())
    answers = fresh_runner.follow(running, waiting)

    assert {answer.end.reason for answer in answers.values()} == {"cancelled"}
    assert fresh_runner.wait() == 0
    assert fresh_runner.stderr == b""


def test_shutdown_before_load(fresh_runner: RunnerProcess) -> None:
    fresh_runner.send(frames.Shutdown())

    assert fresh_runner.wait() == 0


# --- files that can't be loaded ------------------------------------------------------------------


def write_damaged(path: Path, kind: str) -> Path:
    data = TINY_MODEL.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "garbage": b"\x93garbage\n" * 1000,
            "magic only": b"GGUF",
            "header cut": data[:3000],
            "half": data[: len(data) // 2],
            "last byte missing": data[:-1],
            "wrong version": data[:4] + b"\xff\xff\xff\x7f" + data[8:],
        }[kind]
    )
    return path


@pytest.mark.parametrize(
    "kind",
    ["empty", "garbage", "magic only", "header cut", "half", "last byte missing", "wrong version"],
)
def test_damaged_file_is_reported(fresh_runner: RunnerProcess, tmp_path: Path, kind: str) -> None:
    report = fresh_runner.try_load(write_damaged(tmp_path / "model.gguf", kind))

    assert isinstance(report, frames.LoadFailed)
    assert len(report.message) > 20
    assert "\n" not in report.message
    assert fresh_runner.wait() == 1


def test_missing_file_is_reported(fresh_runner: RunnerProcess, tmp_path: Path) -> None:
    path = tmp_path / "none.gguf"

    report = fresh_runner.try_load(path)

    assert report == frames.LoadFailed(f"no such file: {path}")
    assert fresh_runner.wait() == 1


def test_impossible_kv_type_is_reported(fresh_runner: RunnerProcess) -> None:
    report = fresh_runner.try_load(TINY_MODEL, kv_cache_type="q3_z")

    assert report == frames.LoadFailed("unknown KV cache type 'q3_z'")
    assert fresh_runner.wait() == 1


def test_first_command_must_be_load(fresh_runner: RunnerProcess) -> None:
    fresh_runner.send(frames.GetStatus(1))

    assert fresh_runner.wait() == 2
    assert b"the first command must be Load" in fresh_runner.stderr


# --- the parent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["idle", "loaded", "decoding"])
def test_end_of_input_ends_the_process(
    fresh_runner: RunnerProcess, endless_model: Path, moment: str
) -> None:
    if moment != "idle":
        fresh_runner.load(endless_model, num_ctx=8192, num_parallel=1, num_batch=8192)
    if moment == "decoding":
        fresh_runner.start(tuple(100 + n % 3000 for n in range(8000)))
    closed = time.monotonic()

    fresh_runner.close_input()

    assert fresh_runner.wait() == 0
    assert time.monotonic() - closed < PARENT_DEATH_S


def test_bytes_that_are_no_frames_end_the_process(fresh_runner: RunnerProcess) -> None:
    assert fresh_runner.process.stdin is not None
    fresh_runner.process.stdin.write(b"GET / HTTP/1.1\r\n\r\n")
    fresh_runner.process.stdin.flush()

    assert fresh_runner.wait() == 0
    assert b"standard input: frame of" in fresh_runner.stderr


def test_parent_that_stops_reading_ends_the_process(fresh_runner: RunnerProcess) -> None:
    fresh_runner.load()
    assert fresh_runner.process.stdout is not None
    os.close(os.dup(fresh_runner.process.stdout.fileno()))
    # The reading thread still holds it open: only the end of input says that we are gone.
    fresh_runner.close_input()

    assert fresh_runner.wait() == 0


def test_interrupt_is_left_to_the_server(fresh_runner: RunnerProcess) -> None:
    fresh_runner.load()
    fresh_runner.process.send_signal(signal.SIGINT)

    assert fresh_runner.answer(chat_prompt("Tell me a joke")).end.reason == "stop"


PARENT = """
import subprocess, sys, time
from engine import frames
child = subprocess.Popen(
    [sys.executable, "-m", "app.runner"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
child.stdin.write(frames.encode(frames.Load(model_path=sys.argv[1], num_ctx=2048)))
child.stdin.flush()
splitter = frames.FrameSplitter()
while data := child.stdout.read1(65536):
    for body in splitter.feed(data):
        if isinstance(frames.decode_report(body), frames.Ready):
            print(child.pid, flush=True)
            time.sleep(60)
"""


def test_killed_parent_takes_the_runner_with_it() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(TINY_MODEL)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    assert parent.stdout is not None
    runner = psutil.Process(int(parent.stdout.readline()))
    assert runner.is_running()

    parent.kill()
    parent.wait(DEADLINE_S)
    parent.stdout.close()

    deadline = time.monotonic() + PARENT_DEATH_S
    while is_alive(runner):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: who inherits it may take its time to notice."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


# --- the pipe ------------------------------------------------------------------------------------


def test_what_libraries_print_does_not_reach_the_frames() -> None:
    """Descriptor 1 is standard error once the pipes are taken."""
    script = (
        "import os\n"
        "from engine.runner.pipes import Pipes\n"
        "from engine.frames import Loading\n"
        "pipes = Pipes()\n"
        "os.write(1, b'noise')\n"
        "print('more noise', flush=True)\n"
        "pipes.send([Loading(0.5)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=DEADLINE_S
    )

    assert done.stderr == b"noisemore noise\n"
    (body,) = frames.FrameSplitter().feed(done.stdout)
    assert frames.decode_report(body) == frames.Loading(0.5)


def test_start_is_light() -> None:
    """The bindings' own package initialiser would pull in a template engine and a disk cache."""
    script = (
        "import sys, engine.runner.service\n"
        "print([m for m in ('numpy', 'jinja2', 'diskcache', 'llama_cpp.llama') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )

    assert done.stdout == "[]\n"
