"""The interactive session in a pseudo-terminal, against a real server and the bundled model."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.api.client.scripted_server import ScriptedServer, http
from tests.app.cli.server_process import DEADLINE_S, environment, process, serving

CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_J = "\x0a"
ENTER = "\r"
UP = "\x1b[A"
PROMPT = ">>> "
SHORT = "FROM tiny\nPARAMETER temperature 0\nPARAMETER num_predict 40\nPARAMETER num_thread 1\n"
# It never finds its end: room for an interruption.
LONG = "FROM tiny\nPARAMETER temperature 2\nPARAMETER num_predict 100000\nPARAMETER num_thread 1\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of sessions whose server runs, with the models `short` and `long`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    env = environment(home, port)
    with serving(env):
        for name, content in (("short", SHORT), ("long", LONG)):
            path = home / "Modelfile"
            path.write_text(content)
            assert process("create", name, "-f", str(path), env=env).returncode == 0
        yield env


class Terminal:
    """A session and what it shows."""

    def __init__(self, env: dict[str, str], model: str, *flags: str) -> None:
        self.child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable,
            ["-m", "app.cli", "run", model, *flags],
            # Nobody is here to answer the editor's question where the cursor is.
            env={**env, "PROMPT_TOOLKIT_NO_CPR": "1"},
            encoding="utf-8",
            timeout=DEADLINE_S,
            dimensions=(40, 100),
        )
        self.child.delaybeforesend = None
        self.wait_for_prompt()

    def wait_for_prompt(self) -> str:
        """What was shown until the placeholder of an empty prompt."""
        return self.wait_for("Send a message")

    def wait_for(self, text: str) -> str:
        """What was shown before the text."""
        self.child.expect_exact(text)
        return self.child.before or ""

    def send(self, text: str) -> None:
        self.child.send(text)

    def end(self) -> int:
        """The exit status, once the session has ended."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -1


@pytest.fixture
def terminal(server: dict[str, str]) -> Iterator[Terminal]:
    """A session with `short`."""
    session = Terminal(server, "short")
    yield session
    session.child.close(force=True)


def test_questions_are_answered_and_bye_leaves(terminal: Terminal) -> None:
    terminal.send("Why is the sky blue?" + ENTER)
    shown = terminal.wait_for_prompt()
    assert "Thinking..." in shown
    assert "...done thinking." in shown
    assert "sky" in shown
    terminal.send("/bye" + ENTER)
    assert terminal.end() == 0


def test_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.send(CTRL_D)
    assert terminal.end() == 0


def test_ctrl_c_on_an_empty_line_tells_how_to_leave(terminal: Terminal) -> None:
    terminal.send(CTRL_C)
    terminal.wait_for("Use Ctrl + d or /bye to exit.")
    terminal.wait_for_prompt()
    terminal.send("/exit" + ENTER)
    assert terminal.end() == 0


def test_ctrl_c_drops_what_was_typed(terminal: Terminal) -> None:
    terminal.send("half a quest")
    terminal.wait_for("quest")
    terminal.send(CTRL_C)
    shown = terminal.wait_for_prompt()
    assert "Use Ctrl" not in shown
    terminal.send("/clear" + ENTER)
    terminal.wait_for("Cleared session context")


def test_ctrl_c_stops_the_answer_and_the_session_goes_on(server: dict[str, str]) -> None:
    terminal = Terminal(server, "long")
    terminal.send("Why is the sky blue?" + ENTER)
    terminal.wait_for("Thinking...")
    terminal.wait_for(" ")
    terminal.send(CTRL_C)
    terminal.wait_for_prompt()
    terminal.send("/bye" + ENTER)
    assert terminal.end() == 0


def test_commands(terminal: Terminal) -> None:
    terminal.send("/?" + ENTER)
    terminal.wait_for("Available Commands:")
    terminal.wait_for_prompt()
    terminal.send("/? shortcuts" + ENTER)
    terminal.wait_for("Available keyboard shortcuts:")
    terminal.wait_for_prompt()
    terminal.send("/nonsense now" + ENTER)
    terminal.wait_for("Unknown command '/nonsense'. Type /? for help")
    terminal.wait_for_prompt()
    terminal.send("/set verbose" + ENTER)
    terminal.wait_for("Unknown command '/set'. Type /? for help")


def test_messages_of_several_lines(terminal: Terminal) -> None:
    terminal.send('"""Why is' + ENTER)
    terminal.wait_for("Press Enter to send")
    terminal.send('the sky blue?"""' + ENTER)
    assert "sky" in terminal.wait_for_prompt()
    terminal.send("Why is" + CTRL_J + "the sky blue?" + ENTER)
    terminal.wait_for("done thinking")
    terminal.wait_for_prompt()


def test_what_was_typed_comes_back(server: dict[str, str]) -> None:
    history = Path(server["HOME"]) / ".ollama" / "history"
    first = Terminal(server, "short")
    first.send("/clear first" + ENTER)
    first.wait_for("Cleared")
    first.wait_for_prompt()
    first.send(CTRL_D)
    assert first.end() == 0
    assert history.read_text().splitlines()[-1] == "/clear first"
    second = Terminal(server, "short")
    second.send(UP)
    second.wait_for("/clear first")
    second.send(ENTER)
    second.wait_for("Cleared")
    second.child.close(force=True)


def test_nothing_is_kept_without_history(server: dict[str, str]) -> None:
    history = Path(server["HOME"]) / ".ollama" / "history"
    before = history.read_text() if history.exists() else ""
    terminal = Terminal({**server, "OLLAMA_NOHISTORY": "1"}, "short")
    terminal.send("/clear secret" + ENTER)
    terminal.wait_for("Cleared")
    terminal.wait_for_prompt()
    terminal.send(CTRL_D)
    assert terminal.end() == 0
    assert (history.read_text() if history.exists() else "") == before


def chat_answer(text: str, thinking: str) -> bytes:
    """A streamed chat answer of one object."""
    message = {"role": "assistant", "content": text, "thinking": thinking}
    return http("200 OK", json.dumps({"message": message, "done": True}).encode())


def test_the_conversation_is_sent_until_it_is_cleared(isolated_home: Path) -> None:
    loaded = http("200 OK", b'{"response":"","done":true,"done_reason":"load"}')
    start = [[http("200 OK", b"")], [http("200 OK", b"{}")], [loaded]]
    turns = [[chat_answer(f"answer {n}", f"thought {n}")] for n in (1, 2, 3)]
    with ScriptedServer(*start, *turns) as server:
        env = environment(isolated_home, int(server.url.rpartition(":")[2]))
        terminal = Terminal(env, "m", "--keepalive", "0", "--hidethinking")
        for text in ("one", "two"):
            terminal.send(text + ENTER)
            assert "thought" not in terminal.wait_for_prompt()
        terminal.send("/clear" + ENTER)
        terminal.wait_for("Cleared session context")
        terminal.wait_for_prompt()
        terminal.send("three" + ENTER)
        terminal.wait_for("answer 3")
        terminal.wait_for_prompt()
        terminal.send(CTRL_D)
        assert terminal.end() == 0
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests[3:]]
    one, two, three = ({"role": "user", "content": text} for text in ("one", "two", "three"))
    answer = {"role": "assistant", "content": "answer 1", "thinking": "thought 1"}
    assert bodies == [
        {"model": "m", "messages": [one], "keep_alive": 0},
        {"model": "m", "messages": [one, answer, two], "keep_alive": 0},
        {"model": "m", "messages": [three], "keep_alive": 0},
    ]


def test_a_server_that_goes_away_ends_the_session_with_1(tmp_path: Path, free_port: int) -> None:
    env = environment(tmp_path, free_port)
    with serving(env) as running:
        terminal = Terminal(env, "tiny")
        running.terminate()
        running.wait(DEADLINE_S)
    terminal.send("hello" + ENTER)
    terminal.wait_for("Error: could not connect to corral server")
    assert terminal.end() == 1
