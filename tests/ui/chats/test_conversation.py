import threading

import pytest
from pytestqt.qtbot import QtBot

from api.client.client import Client
from tests.ui.scripted_server import Script, ScriptedServer, done, say
from ui.chats.conversation import Conversation
from ui.chats.record import ChatMessage, MessageState
from ui.chats.store import ChatStore


class Talk:
    """A conversation with a scripted server."""

    def __init__(self, qtbot: QtBot, store: ChatStore, server: ScriptedServer) -> None:
        self.qtbot = qtbot
        self.client = Client(server.url)
        self.it = Conversation(store, lambda: self.client)

    def say(self, text: str) -> ChatMessage:
        with self.qtbot.waitSignal(self.it.busy_changed, check_params_cb=lambda busy: not busy):
            self.it.send(text, "one")
        return self.it.messages[-1]

    def wait_for_text(self, text: str) -> None:
        self.qtbot.waitUntil(lambda: self.it.messages[-1].content == text)


@pytest.fixture
def talk(qtbot: QtBot, store: ChatStore, scripted: ScriptedServer):
    made = Talk(qtbot, store, scripted)
    yield made
    made.it.shut_down(5.0)
    made.client.close()


def test_answer_streams_in_and_is_kept(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [
        Script(say(thinking="hm "), say(thinking="yes"), say("Bl"), say("ue."), done())
    ]
    answer = talk.say("Why?\nTell me.")
    assert (answer.content, answer.thinking, answer.state) == (
        "Blue.",
        "hm yes",
        MessageState.COMPLETE,
    )
    assert (answer.tokens, answer.generate_s, answer.model) == (7, 0.5, "one")
    assert answer.thinking_s > 0
    assert talk.it.chat is not None
    assert talk.it.chat.title == "Why? Tell me."
    assert store.messages(talk.it.chat.id) == talk.it.messages


def test_next_request_holds_the_whole_chat_without_thoughts(
    talk: Talk, scripted: ScriptedServer
) -> None:
    scripted.scripts = [
        Script(say(thinking="hm"), say("First."), done()),
        Script(say("Second."), done()),
    ]
    talk.say("one?")
    talk.say("two?")
    assert scripted.bodies[1]["messages"] == [
        {"role": "user", "content": "one?"},
        {"role": "assistant", "content": "First."},
        {"role": "user", "content": "two?"},
    ]


def test_stop_keeps_the_text_and_closes_the_connection(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("Half"), threading.Event(), say(" more"), done())]
    talk.it.send("go", "one")
    talk.wait_for_text("Half")
    with talk.qtbot.waitSignal(talk.it.busy_changed):
        talk.it.stop()
    assert scripted.client_gone.wait(5)
    assert talk.it.messages[-1].state == MessageState.STOPPED
    assert store.messages(talk.it.messages[-1].chat_id)[-1].content == "Half"


def test_error_of_the_server_is_kept_word_for_word(talk: Talk, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script({"error": "model 'one' not found"}, status=404)]
    answer = talk.say("hello")
    assert (answer.state, answer.error) == (MessageState.FAILED, "model 'one' not found")


def test_error_in_mid_stream_keeps_what_came_before(talk: Talk, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script(say("So far"), {"error": "the runner died"})]
    answer = talk.say("hello")
    assert (answer.content, answer.state) == ("So far", MessageState.FAILED)
    assert answer.error == "the runner died"


def test_connection_that_ends_early_is_a_failure(talk: Talk, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script(say("So far"))]
    answer = talk.say("hello")
    assert answer.state == MessageState.FAILED
    assert "stopped in the middle" in answer.error


def test_server_that_is_not_there_is_a_failure(
    qtbot: QtBot, store: ChatStore, free_port: int
) -> None:
    with Client(f"http://127.0.0.1:{free_port}") as client:
        talk = Conversation(store, lambda: client)
        with qtbot.waitSignal(talk.busy_changed, check_params_cb=lambda busy: not busy):
            talk.send("hello", "one")
        assert talk.messages[-1].state == MessageState.FAILED
        assert talk.messages[-1].error


def test_retry_replaces_the_answer_and_leaves_it_out_of_the_question(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script({"error": "busy"}, status=503), Script(say("Now."), done())]
    failed = talk.say("hello")
    with talk.qtbot.waitSignal(talk.it.busy_changed, check_params_cb=lambda busy: not busy):
        talk.it.retry("two")
    answer = talk.it.messages[-1]
    assert (answer.id, answer.content, answer.model) == (failed.id, "Now.", "two")
    assert scripted.bodies[1]["messages"] == [{"role": "user", "content": "hello"}]
    assert [m.content for m in store.messages(answer.chat_id)] == ["hello", "Now."]


def test_stored_chat_goes_on_where_it_was(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("First."), done()), Script(say("Second."), done())]
    talk.say("one?")
    again = Conversation(store, lambda: talk.client, talk.it.chat)
    with talk.qtbot.waitSignal(again.busy_changed, check_params_cb=lambda busy: not busy):
        again.send("two?", "one")
    assert [m["content"] for m in scripted.bodies[1]["messages"]] == ["one?", "First.", "two?"]


def test_streaming_saves_about_once_a_second(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(*(say(f"{n} ") for n in range(500)), done(tokens=500))]
    seen: list[str] = []
    store._db.set_trace_callback(seen.append)  # SQLite's own account of what it ran
    talk.say("count")
    store._db.set_trace_callback(None)
    commits = [statement for statement in seen if statement == "COMMIT"]
    assert talk.it.messages[-1].content == "".join(f"{n} " for n in range(500))
    assert len(commits) <= 10


def test_shut_down_in_mid_answer_saves_it_as_stopped(
    talk: Talk, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("Half"), threading.Event(), done())]
    talk.it.send("go", "one")
    talk.wait_for_text("Half")
    talk.it.shut_down(5.0)
    saved = store.messages(talk.it.messages[-1].chat_id)[-1]
    assert (saved.content, saved.state) == ("Half", MessageState.STOPPED)
