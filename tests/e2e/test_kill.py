"""`kill -9` while answers stream: on a runner, and on the server. Whole programs, over HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.conftest import ROOT

DEADLINE_S = 30.0
LONG_ANSWER = {
    "model": "tiny",
    "raw": True,
    "prompt": "Once upon a time",
    # A format that no short text satisfies, and so hot that it does not repeat itself: sampled
    # freely, an answer may end early.
    "format": {"regex": "[a-z ]{4000,}"},
    "options": {"num_predict": 20_000, "num_thread": 1, "temperature": 3},
}


@contextmanager
def corral_serve(home: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    environment = {**os.environ, "HOME": str(home), "OLLAMA_HOST": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "app.cli", "serve"]
    log = home / "serve.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=output)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not _answers(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield server
    finally:
        server.terminate()
        server.wait(DEADLINE_S)


def _answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/api/version", trust_env=False).is_success
    except httpx2.TransportError:
        return False


def runners_of(server: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    children = psutil.Process(server.pid).children(recursive=True)
    return [child for child in children if "app.runner" in child.cmdline()]


@pytest.fixture
def client(free_port: int) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{free_port}", timeout=DEADLINE_S, trust_env=False
    ) as client:
        yield client


def test_killed_runner_is_an_error_object_and_the_next_request_answers(
    isolated_home: Path, free_port: int, client: httpx2.Client
) -> None:
    with corral_serve(isolated_home, free_port) as server:
        with client.stream("POST", "/api/generate", json=LONG_ANSWER) as response:
            lines = response.iter_lines()
            for _ in range(5):
                assert "error" not in json.loads(next(lines))
            (runner,) = runners_of(server)
            runner.send_signal(signal.SIGKILL)
            killed_at = time.monotonic()
            rest = [json.loads(line) for line in lines]
            assert time.monotonic() - killed_at < 2
        assert set(rest[-1]) == {"error"}
        assert "model runner has unexpectedly stopped" in rest[-1]["error"]

        short = {
            **LONG_ANSWER,
            "format": None,
            "stream": False,
            "options": {"num_predict": 3, "num_thread": 1},
        }
        answer = client.post("/api/generate", json=short)
        assert answer.status_code == 200
        assert answer.json()["eval_count"] > 0
        assert server.poll() is None


def test_killed_server_leaves_no_runner(
    isolated_home: Path, free_port: int, client: httpx2.Client
) -> None:
    with corral_serve(isolated_home, free_port) as server:
        with client.stream("POST", "/api/generate", json=LONG_ANSWER) as response:
            next(response.iter_lines())
            (runner,) = runners_of(server)
            server.kill()
            _, alive = psutil.wait_procs([runner], timeout=2)
            assert not alive
