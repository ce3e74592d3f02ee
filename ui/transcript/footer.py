"""The line under an answer: copy, ask again, and how it was made. UI thread."""

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from ui import icons
from ui.chats.record import ChatMessage, MessageState
from ui.theme import Theme

_COPIED_MS = 1500


class AnswerFooter(QFrame):
    """retry_requested(): the user wants another answer."""

    retry_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._content = ""
        self.copy_button = self._button("Copy answer")
        self.copy_button.clicked.connect(self._on_copy)
        self.again_button = self._button("Ask again")
        self.again_button.clicked.connect(self.retry_requested)
        self.facts = QLabel()
        self.facts.setObjectName("facts")
        self.facts.setTextFormat(Qt.TextFormat.PlainText)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.copy_button)
        row.addWidget(self.again_button)
        row.addSpacing(6)
        row.addWidget(self.facts)
        row.addStretch(1)
        self.set_theme(theme)

    def show_message(self, message: ChatMessage) -> None:
        """Show how this answer was made."""
        self._content = message.content
        self.copy_button.setVisible(bool(message.content))
        self.facts.setText(facts_of(message))

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.again_button.setIcon(icons.symbol("retry", theme.muted))
        self._show_copied(False)

    def _button(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName("flat")
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.setIconSize(QSize(16, 16))
        return button

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._content)
        self._show_copied(True)
        QTimer.singleShot(_COPIED_MS, self, self._on_copied_shown)

    @Slot()
    def _on_copied_shown(self) -> None:
        self._show_copied(False)

    def _show_copied(self, is_copied: bool) -> None:
        self.copy_button.setIcon(icons.symbol("check" if is_copied else "copy", self._theme.muted))
        self.copy_button.setToolTip("Copied" if is_copied else "Copy answer")


def facts_of(message: ChatMessage) -> str:
    """Model, speed and state of an answer, as far as known."""
    facts = [message.model.removesuffix(":latest")]
    if message.tokens:
        facts.append(f"{message.tokens} tokens")
        if message.generate_s > 0:
            facts.append(f"{message.tokens / message.generate_s:.0f} tokens/s")
    if message.state == MessageState.STOPPED:
        facts.append("stopped")
    return "  \N{MIDDLE DOT}  ".join(fact for fact in facts if fact)
