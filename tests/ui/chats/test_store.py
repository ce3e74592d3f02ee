import os
import sqlite3
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ui.chats.record import ChatMessage, MessageState, new_id
from ui.chats.store import SCHEMA_VERSION, ChatStore, ChatStoreError


def _message(chat_id: str, content: str, role: str = "user") -> ChatMessage:
    return ChatMessage(new_id(), chat_id, role, content)


def test_messages_come_back_in_order_and_whole(store: ChatStore) -> None:
    chat = store.create_chat("A title", "one")
    question = replace(_message(chat.id, "quo vadis? \N{SNOWMAN}"), created_at=12.5)
    answer = ChatMessage(
        new_id(),
        chat.id,
        "assistant",
        "there",
        thinking="hm",
        thinking_s=1.5,
        model="one",
        state=MessageState.STOPPED,
        error="",
        created_at=13.0,
        tokens=3,
        generate_s=0.25,
    )
    store.save_message(question)
    store.save_message(answer)
    assert store.messages(chat.id) == [question, answer]


def test_saving_again_replaces_in_place(store: ChatStore) -> None:
    chat = store.create_chat("t", "one")
    first, second = _message(chat.id, "1"), _message(chat.id, "2")
    store.save_message(first)
    store.save_message(second)
    store.save_message(replace(first, content="1 again"))
    assert [m.content for m in store.messages(chat.id)] == ["1 again", "2"]


def test_chats_are_listed_last_used_first(store: ChatStore) -> None:
    old = store.create_chat("old", "one")
    new = store.create_chat("new", "one")
    assert [c.id for c in store.chats()] == [new.id, old.id]
    store.save_message(_message(old.id, "again"))
    assert [c.id for c in store.chats()] == [old.id, new.id]


def test_answer_tells_the_chat_its_model_and_question_does_not(store: ChatStore) -> None:
    chat = store.create_chat("t", "one")
    store.save_message(_message(chat.id, "hello"))
    assert store.chats()[0].model == "one"
    store.save_message(replace(_message(chat.id, "hi", "assistant"), model="two"))
    assert store.chats()[0].model == "two"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("sky", ["about colours"]),
        ("COLOURS", ["about colours"]),
        ("100%", ["about 100% wool"]),
        ("_", []),
        ("\\", []),
        ("about", ["about 100% wool", "about colours"]),
    ],
)
def test_search_looks_into_titles_and_texts(
    store: ChatStore, search: str, found: list[str]
) -> None:
    chat = store.create_chat("about colours", "one")
    store.save_message(_message(chat.id, "why is the sky blue"))
    store.create_chat("about 100% wool", "one")
    assert sorted(c.title for c in store.chats(search)) == found


def test_deleted_chat_takes_its_messages_and_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    store = ChatStore(path)
    chat = store.create_chat("secret title", "one")
    store.save_message(_message(chat.id, "a secret nobody shall find"))
    store.delete_chat(chat.id)
    assert store.chats() == []
    store.close()
    assert b"secret" not in path.read_bytes()


def test_message_of_a_deleted_chat_is_dropped(store: ChatStore) -> None:
    chat = store.create_chat("t", "one")
    store.delete_chat(chat.id)
    store.save_message(_message(chat.id, "too late"))
    assert store.messages(chat.id) == []


def test_crash_leaves_the_text_and_marks_the_message_stopped(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    store = ChatStore(path)
    chat = store.create_chat("t", "one")
    cut = replace(_message(chat.id, "half an ans", "assistant"), state=MessageState.STREAMING)
    store.save_message(cut)
    # No close: a second connection sees what a killed process would have left.
    again = ChatStore(path)
    assert again.messages(chat.id) == [replace(cut, state=MessageState.STOPPED)]
    again.close()
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are a matter of POSIX")
def test_files_belong_to_the_user_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = ChatStore(tmp_path / "deep" / "c.sqlite3")
        store.create_chat("t", "one")
        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "deep").iterdir()}
        store.close()
    finally:
        os.umask(previous)
    assert modes == {"c.sqlite3": 0o600, "c.sqlite3-wal": 0o600, "c.sqlite3-shm": 0o600}


def test_file_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    ChatStore(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(ChatStoreError, match="newer version of Corral"):
        ChatStore(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_bytes(b"not a database, but long enough to look at" * 10)
    with pytest.raises(ChatStoreError, match="cannot use the chats in"):
        ChatStore(path)
