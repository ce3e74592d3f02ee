"""A chat and its messages as values. Pure."""

import secrets
from dataclasses import dataclass
from enum import StrEnum

TITLE_LENGTH = 60
"""A title taken from the first message has at most this many characters."""


class MessageState(StrEnum):
    """How a message stands."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class ChatSummary:
    """One line of the chat list. Times are seconds since the epoch."""

    id: str
    title: str
    model: str
    created_at: float
    updated_at: float


@dataclass(frozen=True)
class ChatMessage:
    """One message of a chat, in order of `position` within it."""

    id: str
    chat_id: str
    role: str
    content: str = ""
    thinking: str = ""
    thinking_s: float = 0.0
    """How long the model thought."""
    model: str = ""
    state: MessageState = MessageState.COMPLETE
    error: str = ""
    created_at: float = 0.0
    tokens: int = 0
    """Tokens of the answer; 0 when unknown."""
    generate_s: float = 0.0
    """Time spent generating these tokens."""


def new_id() -> str:
    """An identifier that never changes and never comes twice."""
    return secrets.token_hex(16)


def title_from(text: str) -> str:
    """The first message, shortened at a word to one line."""
    line = " ".join(text.split())
    if len(line) <= TITLE_LENGTH:
        return line or "New chat"
    cut = line[: TITLE_LENGTH - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > TITLE_LENGTH // 2 else cut) + "\N{HORIZONTAL ELLIPSIS}"
