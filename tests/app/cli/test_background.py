import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.app.cli.server_process import CORRAL, DEADLINE_S, end_process, environment, process


@pytest.fixture
def env(isolated_home: Path, free_port: int) -> Iterator[dict[str, str]]:
    """An environment without a server; one that a test starts is ended afterwards."""
    yield environment(isolated_home, free_port)
    for path in pid_files(isolated_home):
        end_process(int(path.read_text()))


def pid_files(home: Path) -> list[Path]:
    return list(home.rglob("server-*.pid"))


def test_run_starts_a_server_that_outlives_it_and_ends_on_request(
    env: dict[str, str], isolated_home: Path, tmp_path: Path
) -> None:
    # A folder whose packages are named like ours must not get in the way.
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("raise RuntimeError('not ours')")
    done = subprocess.run(
        [CORRAL[0], "-P", *CORRAL[1:], "run", "tiny", ""],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=DEADLINE_S,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    (pid_file,) = pid_files(isolated_home)
    server = psutil.Process(int(pid_file.read_text()))
    assert "serve" in server.cmdline()
    assert server.environ()["CORRAL_IDLE_EXIT"] == "30m"
    assert process("list", env=env).returncode == 0
    assert process("run", "tiny", "", env=env).returncode == 0
    assert pid_files(isolated_home) == [pid_file]
    end_process(server.pid)
    assert pid_files(isolated_home) == []


def test_two_runs_at_once_share_one_server(env: dict[str, str], isolated_home: Path) -> None:
    runs = [
        subprocess.Popen(
            [*CORRAL, "run", "tiny", ""],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=DEADLINE_S) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert len(pid_files(isolated_home)) == 1


def test_a_server_that_dies_says_why(env: dict[str, str], isolated_home: Path) -> None:
    settings = isolated_home / ".config" / "corral" / "settings.json"
    blocked = isolated_home / "blocked"
    blocked.write_text("a file where the state folder should be")
    env["XDG_STATE_HOME"] = str(blocked)
    env["XDG_CONFIG_HOME"] = str(settings.parent.parent)
    done = process("run", "tiny", "", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr


def test_another_program_on_the_port_is_an_error(env: dict[str, str], free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as foreign:
        foreign.settimeout(DEADLINE_S)
        client = subprocess.Popen(
            [*CORRAL, "list"], env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        connection, _ = foreign.accept()
        connection.sendall(b"220 mail.example ESMTP\r\n")
        connection.close()
        _, error = client.communicate(timeout=DEADLINE_S)
    assert client.returncode == 1
    assert re.match(r"Error: the connection to http://127.0.0.1:\d+ broke: ", error)


@pytest.mark.parametrize("host", ["192.0.2.1:9", "https://127.0.0.1:9", "http://127.0.0.1:9/x"])
def test_only_a_plain_loopback_address_gets_a_server(
    env: dict[str, str], isolated_home: Path, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if host.startswith("192"):
        # Nothing may leave this machine: a loopback address written so that it is not one.
        host = f"0.0.0.0:{env['OLLAMA_HOST'].rpartition(':')[2]}"
    env["OLLAMA_HOST"] = host
    began = time.monotonic()
    done = process("run", "tiny", "", env=env)
    text = "Error: could not connect to corral server, run 'corral serve' to start it\n"
    assert (done.returncode, done.stderr) == (1, text)
    assert time.monotonic() - began < DEADLINE_S
    assert pid_files(isolated_home) == []
