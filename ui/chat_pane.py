"""The right side of the window: one conversation with its composer. UI thread."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QStackedWidget, QVBoxLayout, QWidget

from ui.chats.conversation import Conversation
from ui.chats.links import open_link
from ui.chats.record import ChatMessage
from ui.chats.store import ChatStoreError
from ui.composer import Composer
from ui.server_state import ServerPhase, ServerState
from ui.theme import Theme
from ui.transcript.transcript import COLUMN_WIDTH, Transcript
from ui.welcome import Welcome


class ChatPane(QWidget):
    """failed(str): something could not be done; the sentence to show."""

    failed = Signal(str)

    def __init__(self, theme: Theme, conversation: Conversation) -> None:
        super().__init__()
        self.conversation = conversation
        self._drafts: dict[Conversation, str] = {}
        self.transcript = Transcript(theme)
        self.transcript.retry_requested.connect(self._on_retry)
        self.transcript.link_requested.connect(self._on_link)
        self.welcome = Welcome(theme)
        self.welcome.suggested.connect(self._on_submitted)
        self.composer = Composer(theme)
        self.composer.submitted.connect(self._on_submitted)
        self.composer.stop_requested.connect(self._on_stop)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.welcome)
        self._stack.addWidget(self.transcript)
        hint = QLabel("Answers can be wrong. Check what matters.")
        hint.setObjectName("hint")
        self.composer.setMaximumWidth(COLUMN_WIDTH + 32)
        row = QHBoxLayout()
        row.setContentsMargins(12, 0, 12, 0)
        row.addStretch(1)
        row.addWidget(self.composer, 1000)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 10)
        layout.setSpacing(8)
        layout.addWidget(self._stack, 1)
        layout.addLayout(row)
        layout.addWidget(hint, 0, Qt.AlignmentFlag.AlignHCenter)
        self._connect(conversation)
        self._show()

    def show_conversation(self, conversation: Conversation) -> None:
        """Show another one; the one before goes on by itself."""
        if conversation is self.conversation:
            return
        self._drafts[self.conversation] = self.composer.edit.toPlainText()
        self._disconnect(self.conversation)
        self.conversation = conversation
        self._connect(conversation)
        self.composer.edit.setPlainText(self._drafts.pop(conversation, ""))
        if conversation.chat is not None:
            self.composer.picker.set_model(conversation.chat.model)
        self._show()

    def forget(self, conversation: Conversation) -> None:
        """It is gone; so is what was begun in it."""
        self._drafts.pop(conversation, None)

    def show_server(self, state: ServerState) -> None:
        """Whether there is a server to talk to."""
        self.composer.set_enabled_to_send(state.is_ready)
        self._show_welcome(state.is_ready)
        # Only of our own server do we know that nothing leaves the machine.
        self.welcome.set_text(
            f"Answers come from {state.program} on {state.address}."
            if state.phase == ServerPhase.FOREIGN
            else "Runs on this computer. Nothing you write leaves it."
        )

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        for part in (self.transcript, self.welcome, self.composer):
            part.set_theme(theme)

    def _show_welcome(self, is_ready: bool) -> None:
        self.welcome.set_can_send(is_ready and bool(self.composer.picker.model))

    def show_models(self, state: ServerState) -> None:
        """The picker has other models now."""
        self.composer.set_enabled_to_send(state.is_ready)
        self._show_welcome(state.is_ready)

    def _connect(self, conversation: Conversation) -> None:
        conversation.added.connect(self._on_added)
        conversation.changed.connect(self.transcript.change)
        conversation.busy_changed.connect(self.composer.set_busy)

    def _disconnect(self, conversation: Conversation) -> None:
        conversation.added.disconnect(self._on_added)
        conversation.changed.disconnect(self.transcript.change)
        conversation.busy_changed.disconnect(self.composer.set_busy)

    def _show(self) -> None:
        self.transcript.show_messages(self.conversation.messages)
        self._stack.setCurrentWidget(
            self.transcript if self.conversation.messages else self.welcome
        )
        self.composer.set_busy(self.conversation.is_busy)
        self.composer.edit.setFocus()

    @Slot(object)
    def _on_added(self, message: ChatMessage) -> None:
        self._stack.setCurrentWidget(self.transcript)
        self.transcript.add(message)

    @Slot(str)
    def _on_submitted(self, text: str) -> None:
        if self.conversation.is_busy:
            return
        try:
            self.conversation.send(text, self.composer.picker.model)
        except ChatStoreError as exc:
            self.failed.emit(str(exc))
        else:
            self.composer.clear()
            self.composer.edit.setFocus()

    @Slot()
    def _on_retry(self) -> None:
        if self.conversation.is_busy or not self.composer.picker.model:
            return
        try:
            self.conversation.retry(self.composer.picker.model)
        except ChatStoreError as exc:
            self.failed.emit(str(exc))

    @Slot()
    def _on_stop(self) -> None:
        self.conversation.stop()

    @Slot(str, bool)
    def _on_link(self, target: str, is_plain: bool) -> None:
        open_link(self, target, is_plain)
