"""The chats on disk: one SQLite file, written in small transactions. UI thread only.

Deleted text is overwritten (`secure_delete`), the file is readable by its owner only, and a
message cut off by a crash comes back as stopped, with everything up to the last save.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ui.chats.record import ChatMessage, ChatSummary, MessageState, new_id

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE chats (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  model TEXT NOT NULL,
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL
) STRICT;
CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  chat_id TEXT NOT NULL REFERENCES chats(id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  thinking TEXT NOT NULL,
  thinking_s REAL NOT NULL,
  model TEXT NOT NULL,
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  created_at REAL NOT NULL,
  tokens INTEGER NOT NULL,
  generate_s REAL NOT NULL,
  UNIQUE (chat_id, position)
) STRICT;
CREATE INDEX chats_by_update ON chats(updated_at DESC);
"""
_MESSAGE_COLUMNS = (
    "id, chat_id, role, content, thinking, thinking_s, model, state, error, created_at, "
    "tokens, generate_s"
)


class ChatStoreError(Exception):
    """The file of chats cannot be used; the message says why."""


class ChatStore:
    """Open with a path, close when done. Raises ChatStoreError from every method."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translate():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite gives its -wal and -shm files the mode of the main file.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Write out what the log file holds and close."""
        self._db.close()

    def chats(self, search: str = "") -> list[ChatSummary]:
        """All chats, last used first; with `search`, those whose title or text contains it."""
        query = "SELECT id, title, model, created_at, updated_at FROM chats"
        values: tuple[str, ...] = ()
        if search:
            query += (
                " WHERE title LIKE ? ESCAPE '\\' OR EXISTS (SELECT 1 FROM messages"
                " WHERE chat_id = chats.id AND content LIKE ? ESCAPE '\\')"
            )
            pattern = "%" + "".join("\\" + c if c in "\\%_" else c for c in search) + "%"
            values = (pattern, pattern)
        with self._translate():
            rows = self._db.execute(query + " ORDER BY updated_at DESC, id", values)
            return [ChatSummary(*row) for row in rows]

    def create_chat(self, title: str, model: str) -> ChatSummary:
        """A new, empty chat."""
        now = time.time()
        chat = ChatSummary(new_id(), title, model, now, now)
        with self._transaction():
            self._db.execute(
                "INSERT INTO chats (id, title, model, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (chat.id, chat.title, chat.model, chat.created_at, chat.updated_at),
            )
        return chat

    def rename_chat(self, chat_id: str, title: str) -> None:
        """Change the title; its place in the list stays."""
        with self._transaction():
            self._db.execute("UPDATE chats SET title = ? WHERE id = ?", (title, chat_id))

    def delete_chat(self, chat_id: str) -> None:
        """Remove a chat with its messages."""
        with self._transaction():
            self._db.execute("DELETE FROM chats WHERE id = ?", (chat_id,))

    def messages(self, chat_id: str) -> list[ChatMessage]:
        """A chat's messages, oldest first."""
        with self._translate():
            rows = self._db.execute(
                f"SELECT {_MESSAGE_COLUMNS} FROM messages WHERE chat_id = ? ORDER BY position",
                (chat_id,),
            )
            return [_message(row) for row in rows]

    def save_message(self, message: ChatMessage) -> None:
        """Add a message at the end of its chat, or replace the one with its id in place.

        A message of a chat that has been deleted meanwhile is dropped with it.
        """
        with self._transaction():
            self._db.execute(
                f"INSERT INTO messages (position, {_MESSAGE_COLUMNS})"
                " SELECT (SELECT coalesce(max(position) + 1, 0) FROM messages"
                " WHERE chat_id = :chat_id),"
                " :id, :chat_id, :role, :content, :thinking, :thinking_s, :model, :state,"
                " :error, :created_at, :tokens, :generate_s"
                " WHERE EXISTS (SELECT 1 FROM chats WHERE id = :chat_id)"
                " ON CONFLICT (id) DO UPDATE SET content = excluded.content,"
                " thinking = excluded.thinking, thinking_s = excluded.thinking_s,"
                " model = excluded.model, state = excluded.state, error = excluded.error,"
                " tokens = excluded.tokens, generate_s = excluded.generate_s",
                _fields(message),
            )
            self._db.execute(
                "UPDATE chats SET updated_at = ?, model = coalesce(nullif(?, ''), model)"
                " WHERE id = ?",
                (time.time(), message.model, message.chat_id),
            )

    def _prepare(self) -> None:
        database = self._db
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA secure_delete = ON")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise ChatStoreError(
                f"{self._path} was written by a newer version of Corral; update Corral to open it"
            )
        if version == 0:
            database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        database.execute(
            "UPDATE messages SET state = ? WHERE state = ?",
            (MessageState.STOPPED, MessageState.STREAMING),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translate():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _translate(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise ChatStoreError(f"cannot use the chats in {self._path}: {exc}") from exc


def _message(row: tuple[object, ...]) -> ChatMessage:
    values = list(row)
    values[7] = MessageState(str(values[7]))
    return ChatMessage(*values)  # type: ignore[arg-type]  # STRICT tables hold the right types


def _fields(message: ChatMessage) -> dict[str, object]:
    return {name: getattr(message, name) for name in _MESSAGE_COLUMNS.split(", ")}
