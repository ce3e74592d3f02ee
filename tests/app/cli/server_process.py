"""`corral serve` and other commands as real processes. For the tests of the command line."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from api.client.client import Client
from app.cli.background import program_folder

DEADLINE_S = 30.0
CORRAL = (sys.executable, "-m", "app.cli")


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    """A clean environment with a home and a server address of its own."""
    return {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(program_folder()),
        "TERM": "xterm",
        "COLUMNS": "100",
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(home / "models"),
        **more,
    }


def process(
    *args: str, env: Mapping[str, str], input_text: str = "", cwd: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [*CORRAL, *args],
        env=env,
        input=input_text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
        cwd=cwd,
    )


@contextmanager
def serving(env: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A `corral serve` that answers; it is stopped afterwards."""
    server = subprocess.Popen(
        [*CORRAL, "serve"], env=env, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        wait_until_alive(env, server)
        yield server
    finally:
        if server.poll() is None:
            server.terminate()
        server.communicate(timeout=DEADLINE_S)


def wait_until_alive(env: Mapping[str, str], server: "subprocess.Popen[str]") -> None:
    """Return when the server of the environment answers; fail if its process ends before."""
    deadline = time.monotonic() + DEADLINE_S
    with Client(f"http://{env['OLLAMA_HOST']}") as client:
        while not client.is_alive():
            assert server.poll() is None, server.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)


def end_process(pid: int) -> None:
    """Terminate a process that is no child of ours, and wait until it is gone."""
    try:
        process = psutil.Process(pid)
        process.terminate()
        process.wait(DEADLINE_S)
    except psutil.NoSuchProcess:
        pass
