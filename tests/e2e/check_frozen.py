"""Checks a frozen program: `python -m tests.e2e.check_frozen dist/corral`. Part of `make dist`.

Runs it from a folder that holds no source, with a home of its own, and fails loudly.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

DEADLINE_S = 60.0


def main() -> None:
    """Exits with a message if anything is wrong."""
    program = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as home_name:
        home = Path(home_name)
        copy = home / "somewhere else" / "corral"  # moved, and with a space in its path
        shutil.copytree(program, copy, symlinks=True)
        environment = _environment(home)
        _check_version(copy, environment)
        _check_answer(copy, environment)
        _check_desktop(copy, environment)
    size = sum(f.stat().st_size for f in program.rglob("*") if f.is_file() and not f.is_symlink())
    _say(f"frozen program is good, {size / 1e6:.0f} MB")


def _check_version(program: Path, environment: dict[str, str]) -> None:
    started = time.monotonic()
    done = _run([str(program / "corral"), "--version"], environment)
    milliseconds = (time.monotonic() - started) * 1000
    _say(f"corral --version: {done.strip().splitlines()[-1]} ({milliseconds:.0f} ms)")
    assert "0." in done, done


def _check_answer(program: Path, environment: dict[str, str]) -> None:
    """`corral run` answers through a server and a runner of its own."""
    server = subprocess.Popen(
        [str(program / "corral"), "serve"],
        env=environment,
        cwd=environment["HOME"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for_port(environment, server)
        answer = _run([str(program / "corral"), "run", "tiny", "Why is the sky blue?"], environment)
        _say(f"corral run: {answer.strip()}")
        assert len(answer.strip()) > 20, answer
        runners = psutil.Process(server.pid).children(recursive=True)
        assert [Path(r.exe()).parent for r in runners] == [program], runners
        maps = "\n".join(m.path for m in runners[0].memory_maps())
        assert "libQt6" not in maps, "the runner has loaded Qt"
        assert str(program / "_internal" / "llama_cpp") in maps, maps
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=DEADLINE_S)
    _, alive = psutil.wait_procs(runners, timeout=5)
    assert alive == [], alive


def _check_desktop(program: Path, environment: dict[str, str]) -> None:
    """`corral-desktop` serves behind its window and ends on SIGTERM."""
    app = subprocess.Popen(
        [str(program / "corral-desktop")],
        cwd=environment["HOME"],
        env={**environment, "QT_QPA_PLATFORM": "offscreen"},
        stderr=subprocess.PIPE,
    )
    try:
        _wait_for_port(environment, app)
        answer = _run([str(program / "corral"), "run", "tiny", "hi"], environment)
        _say(f"answer from corral-desktop's server: {answer.strip()}")
        assert answer.strip()
    finally:
        app.terminate()
        _, errors = app.communicate(timeout=DEADLINE_S)
    assert app.returncode == 0, errors.decode()
    assert b"Traceback" not in errors, errors.decode()


def _wait_for_port(environment: dict[str, str], process: subprocess.Popen[bytes]) -> None:
    host, _, port = environment["OLLAMA_HOST"].partition(":")
    deadline = time.monotonic() + DEADLINE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        if process.poll() is not None:
            errors = process.stderr.read().decode() if process.stderr else ""
            raise SystemExit(f"ended with status {process.returncode}:\n{errors}")
        assert time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.05)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        env=environment,
        cwd=environment["HOME"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _environment(home: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "LC_ALL": "C.UTF-8",
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
