"""One chat that is being talked in: its messages, the running answer, and what gets saved.

UI thread. It lives on when the window shows another chat, so that an answer is never cut off
by looking elsewhere.
"""

import time
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot

from api.client.client import Client
from api.client.shapes import ChatBody
from api.client.shapes import ChatMessage as WireMessage
from ui.chats.answer import AnswerEnd, AnswerPart, AnswerStream
from ui.chats.record import ChatMessage, ChatSummary, MessageState, new_id, title_from
from ui.chats.store import ChatStore, ChatStoreError

SAVE_INTERVAL_S = 1.0
"""While an answer streams, it is saved at most this often."""


class Conversation(QObject):
    """A chat, new (`chat` is None until the first message) or loaded from the store.

    created(ChatSummary): the chat got its row. added(ChatMessage): a message came at the end.
    changed(ChatMessage): that message, found by its id, has new text or another state.
    busy_changed(bool): an answer began or ended. save_failed(str): the store refused.
    """

    created = Signal(object)
    added = Signal(object)
    changed = Signal(object)
    busy_changed = Signal(bool)
    save_failed = Signal(str)

    def __init__(
        self, store: ChatStore, client: Callable[[], Client], chat: ChatSummary | None = None
    ) -> None:
        """`client` is asked for at each send, since the server may move. Raises ChatStoreError."""
        super().__init__()
        self._store = store
        self._client = client
        self.chat = chat
        self.messages: list[ChatMessage] = store.messages(chat.id) if chat else []
        self._answer: AnswerStream | None = None
        self._started = 0.0
        self._saved = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether an answer is on its way."""
        return self._answer is not None

    def send(self, text: str, model: str) -> None:
        """Say something. Raises ChatStoreError, and then nothing has been sent."""
        assert not self.is_busy
        if self.chat is None:
            self.chat = self._store.create_chat(title_from(text), model)
            self.created.emit(self.chat)
        self._append(self._new_message("user", content=text))
        self._append(self._new_message("assistant", model=model, state=MessageState.STREAMING))
        self._ask()

    def retry(self, model: str) -> None:
        """Ask again for the last answer, in its place. Raises ChatStoreError."""
        assert not self.is_busy
        assert self.messages
        assert self.messages[-1].role == "assistant"
        fresh = self._new_message("assistant", model=model, state=MessageState.STREAMING)
        fresh = replace(fresh, id=self.messages[-1].id)
        self._store.save_message(fresh)
        self._update(fresh)
        self._ask()

    def stop(self) -> None:
        """End the running answer, keeping what there is."""
        if self._answer is not None:
            self._answer.stop()

    def shut_down(self, timeout_s: float) -> None:
        """Stop and wait for the worker; for the end of the program or of this chat."""
        answer = self._answer
        if answer is None:
            return
        answer.received.disconnect(self._on_received)
        answer.ended.disconnect(self._on_ended)
        answer.stop()
        answer.wait(timeout_s)
        self._on_ended(AnswerEnd(stopped=True))

    def _ask(self) -> None:
        """Ask for the last message, which is still empty."""
        question = _wire_messages(self.messages[:-1])
        body = ChatBody(model=self.messages[-1].model, messages=question)
        self._started = self._saved = time.monotonic()
        self._answer = AnswerStream(self._client(), body)
        self._answer.received.connect(self._on_received)
        self._answer.ended.connect(self._on_ended)
        self._answer.start()
        self.busy_changed.emit(True)

    def _append(self, message: ChatMessage) -> None:
        self._store.save_message(message)
        self.messages.append(message)
        self.added.emit(message)

    def _new_message(
        self,
        role: str,
        content: str = "",
        model: str = "",
        state: MessageState = MessageState.COMPLETE,
    ) -> ChatMessage:
        assert self.chat is not None
        return ChatMessage(
            id=new_id(),
            chat_id=self.chat.id,
            role=role,
            content=content,
            model=model,
            state=state,
            created_at=time.time(),
        )

    @Slot(object)
    def _on_received(self, part: AnswerPart) -> None:
        last = self.messages[-1]
        thinking_s = last.thinking_s
        if part.thinking and not last.content:
            thinking_s = time.monotonic() - self._started
        self._update(
            replace(
                last,
                content=last.content + part.content,
                thinking=last.thinking + part.thinking,
                thinking_s=thinking_s,
            )
        )
        if time.monotonic() - self._saved >= SAVE_INTERVAL_S:
            self._save()

    @Slot(object)
    def _on_ended(self, end: AnswerEnd) -> None:
        self._answer = None
        state = MessageState.COMPLETE
        if end.stopped:
            state = MessageState.STOPPED
        elif end.error:
            state = MessageState.FAILED
        self._update(
            replace(
                self.messages[-1],
                state=state,
                error=end.error,
                tokens=end.tokens,
                generate_s=end.generate_s,
            )
        )
        self._save()
        self.busy_changed.emit(False)

    def _update(self, message: ChatMessage) -> None:
        self.messages[-1] = message
        self.changed.emit(message)

    def _save(self) -> None:
        self._saved = time.monotonic()
        try:
            self._store.save_message(self.messages[-1])
        except ChatStoreError as exc:
            self.save_failed.emit(str(exc))


def _wire_messages(messages: list[ChatMessage]) -> list[WireMessage]:
    """What the model gets to read: everything that has text; failed answers are left out."""
    return [
        WireMessage(role=message.role, content=message.content)
        for message in messages
        if message.content and message.state != MessageState.FAILED
    ]
