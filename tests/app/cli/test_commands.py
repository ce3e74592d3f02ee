import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.client.client import Client
from app.cli.main import main
from tests.app.cli.server_process import CORRAL, DEADLINE_S, environment, process, serving
from tests.conftest import TINY_MODEL

QUESTION = "Why is the sky blue?"
SHORT = """FROM tiny
PARAMETER temperature 0
PARAMETER num_predict 60
PARAMETER num_thread 1
"""
# It never finds its end: room for an interruption.
LONG = """FROM tiny
PARAMETER temperature 2
PARAMETER num_predict 100000
PARAMETER num_thread 1
"""

Corral = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands whose server runs. It has the models `short` and `long`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    env = environment(home, port)
    with serving(env):
        modelfile = home / "Modelfile"
        for name, content in (("short", SHORT), ("long", LONG)):
            modelfile.write_text(content)
            assert process("create", name, "-f", str(modelfile), env=env).returncode == 0
        yield env


@pytest.fixture
def corral(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Corral:
    """Runs a command in this process, which is quicker, against the server's."""
    monkeypatch.setenv("OLLAMA_HOST", server["OLLAMA_HOST"])

    def call(*args: str) -> Done:
        status = main(args)
        output = capsys.readouterr()
        return Done(status, output.out, output.err)

    return call


def test_list_shows_the_bundled_model(corral: Corral) -> None:
    done = corral("list")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert re.fullmatch(r"NAME {4,}ID {4,}SIZE {4,}MODIFIED +", header)
    row = next(row for row in rows if row.startswith("tiny:latest "))
    assert re.fullmatch(r"tiny:latest +[0-9a-f]{12} +[0-9.]+ MB +.* ago +", row)
    assert corral("ls", "TIN").stdout.splitlines()[1].split()[0] == "tiny:latest"
    assert corral("list", "other").stdout.splitlines()[1:] == []


def test_list_is_quick(server: dict[str, str]) -> None:
    """At most 250 ms in a warm cache. As processor time: a busy machine must not fail this."""
    durations = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert process("list", env=server).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        durations.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if durations[-1] <= 0.25:
            return
    pytest.fail(f"corral list took {durations} s")


def test_version_is_the_servers(corral: Corral) -> None:
    done = corral("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"corral version is \d+\.\d+\.\d+\n", done.stdout)


def test_one_answer_is_printed_and_the_model_stays(server: dict[str, str], corral: Corral) -> None:
    done = process("run", "short", QUESTION, "--verbose", "--keepalive", "-1", env=server)
    assert done.returncode == 0
    assert done.stdout.startswith("Thinking...\n")
    assert "\n...done thinking.\n\n" in done.stdout
    assert done.stdout.endswith("\n\n")
    labels = [line[:22] for line in done.stderr.splitlines()]
    assert labels[0] == "total duration:       "
    assert labels[-1] == "eval rate:            "
    rows = corral("ps").stdout.splitlines()
    assert re.match(r"short:latest +[0-9a-f]{12} +\d+ MB +100% \w+ +\d+ +Forever +$", rows[1])
    assert corral("stop", "short").returncode == 0
    deadline = time.monotonic() + DEADLINE_S
    while len(corral("ps").stdout.splitlines()) > 1:
        assert time.monotonic() < deadline


def test_thinking_can_be_hidden(server: dict[str, str]) -> None:
    done = process("run", "short", QUESTION, "--hidethinking", env=server)
    assert done.returncode == 0
    assert "hinking" not in done.stdout
    assert len(done.stdout) > 20


def test_thinking_can_be_switched_off_and_bare_think_takes_no_value(
    server: dict[str, str],
) -> None:
    done = process("run", "short", "--think=false", QUESTION, env=server)
    assert done.returncode == 0
    assert "Thinking..." not in done.stdout
    assert "Thinking..." in process("run", "short", "--think", QUESTION, env=server).stdout


def test_piped_input_comes_before_the_prompt(server: dict[str, str]) -> None:
    done = process("run", "short", "the sky blue?", env=server, input_text="Why is")
    assert done.returncode == 0
    expected = process("run", "short", env=server, input_text="Why is the sky blue?")
    assert "sky" in done.stdout
    assert "sky" in expected.stdout


def test_an_empty_prompt_loads_the_model(server: dict[str, str], corral: Corral) -> None:
    done = process("run", "tiny", "", env=server)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "tiny:latest" in corral("ps").stdout


@pytest.mark.parametrize("command", [["show", "nope"], ["rm", "nope"]])
def test_an_unknown_model_is_an_error(corral: Corral, command: list[str]) -> None:
    done = corral(*command)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"Error: model 'nope(:latest)?' not found\n", done.stderr)


def test_running_an_unknown_model_is_an_error(server: dict[str, str]) -> None:
    """It is pulled, and there is no registry where it is said to be."""
    done = process("run", "127.0.0.1:1/library/nope", "hi", env=server)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"pulling manifest\nError: pull model manifest: could not connect to 127\.0\.0\.1:1: .*\n",
        done.stderr,
    )


def test_stopping_an_unknown_model_says_so(corral: Corral) -> None:
    done = corral("stop", "nope")
    assert (done.returncode, done.stderr) == (1, 'Error: couldn\'t find model "nope" to stop\n')


def test_show_prints_sections_and_single_parts(corral: Corral) -> None:
    overview = corral("show", "tiny").stdout
    assert overview.startswith("  Model\n    architecture ")
    assert "  Capabilities\n" in overview
    verbose = corral("show", "tiny", "-v").stdout
    assert "  Metadata\n" in verbose
    assert "  Tensors\n" in verbose
    assert "FROM " in corral("show", "tiny", "--modelfile").stdout


def test_a_model_is_copied_and_removed(corral: Corral) -> None:
    assert corral("cp", "tiny", "mine").stdout == "copied 'tiny' to 'mine'\n"
    assert "mine:latest" in corral("list").stdout
    assert corral("rm", "mine").stdout == "deleted 'mine'\n"
    assert "mine:latest" not in corral("list").stdout


def test_the_bundled_model_stays(corral: Corral) -> None:
    done = corral("rm", "tiny")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "tiny:latest" in corral("list").stdout


def test_a_model_is_created_from_a_file_beside_the_modelfile(
    corral: Corral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.gguf").write_bytes(TINY_MODEL.read_bytes() + bytes(32))
    (tmp_path / "Modelfile").write_text(
        'FROM ./weights.gguf\nPARAMETER temperature 0\nSYSTEM """You are\nkind."""\n'
    )
    done = corral("create", "fresh")
    assert (done.returncode, done.stdout) == (0, "")
    steps = done.stderr.splitlines()
    assert steps[0] == "gathering model components"
    assert re.fullmatch(r"copying file sha256:[0-9a-f]{64}", steps[1])
    assert steps[-1] == "success"
    assert corral("show", "fresh", "--system").stdout == "You are\nkind."
    again = corral("create", "fresh")
    assert not any(line.startswith("copying") for line in again.stderr.splitlines())
    corral("rm", "fresh")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "FROM tiny\nFRM other\n",
            '(line 2): command must be one of "from", "license", "template", "system", "adapter", '
            '"draft", "renderer", "parser", "parameter", "message", or "requires"',
        ),
        ("SYSTEM hi\n", "no FROM line"),
        ("FROM tiny\nPARAMETER foo 1\n", "unknown parameter 'foo'"),
        ("FROM tiny\nPARAMETER top_k x\n", "invalid int value [x]"),
    ],
)
def test_a_bad_modelfile_makes_nothing(
    corral: Corral, tmp_path: Path, content: str, text: str
) -> None:
    path = tmp_path / "Modelfile"
    path.write_text(content)
    done = corral("create", "bad", "-f", str(path))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: {text}"
    assert "bad:latest" not in corral("list").stdout


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["bad", "-f", "missing"], "specified Modelfile wasn't found"),
        (["!", "-f", "missing"], "invalid model name: !"),
        (["bad"], "no Modelfile or safetensors files found"),
    ],
)
def test_create_without_something_to_make_from_is_an_error(
    corral: Corral,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: list[str],
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = corral("create", *args)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: {text}"


def test_a_second_server_on_the_port_is_refused(server: dict[str, str]) -> None:
    done = process("serve", env=server)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last == f"Error: listen tcp {server['OLLAMA_HOST']}: bind: address already in use"


def test_ctrl_c_ends_an_answer_with_130(server: dict[str, str]) -> None:
    client = subprocess.Popen(
        [*CORRAL, "run", "long", QUESTION],
        env=server,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert client.stdout is not None
    os.read(client.stdout.fileno(), 1)  # it answers
    client.send_signal(signal.SIGINT)
    _, error = client.communicate(timeout=DEADLINE_S)
    assert (client.returncode, error) == (130, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_0(
    tmp_path: Path, free_port: int, number: signal.Signals
) -> None:
    env = environment(tmp_path, free_port)
    with serving(env) as running:
        with Client(f"http://{env['OLLAMA_HOST']}") as client:
            client.load("tiny")
        running.send_signal(number)
        _, log = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0, log
    assert "Traceback" not in log


def test_an_idle_server_ends_itself(tmp_path: Path, free_port: int) -> None:
    env = environment(tmp_path, free_port, CORRAL_IDLE_EXIT="300ms")
    with serving(env) as running:
        _, log = running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0, log
    assert "nothing to do for 0.3 s" in log


def test_a_loaded_model_keeps_an_idle_server(tmp_path: Path, free_port: int) -> None:
    env = environment(tmp_path, free_port, CORRAL_IDLE_EXIT="300ms", OLLAMA_KEEP_ALIVE="1s")
    with serving(env) as running, Client(f"http://{env['OLLAMA_HOST']}") as client:
        client.load("tiny")
        began = time.monotonic()
        running.communicate(timeout=DEADLINE_S)
    assert running.returncode == 0
    assert time.monotonic() - began > 1
