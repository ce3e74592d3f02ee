"""One message: the user's as a bubble, the model's as a column of blocks. UI thread."""

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from ui.chats.record import ChatMessage, MessageState
from ui.markdown.markdown_view import MarkdownView
from ui.markdown.text_view import TextView
from ui.theme import Theme
from ui.transcript.failure import FailureView
from ui.transcript.footer import AnswerFooter
from ui.transcript.thinking import ThinkingView

_BUBBLE_SHARE = 0.78
_BUBBLE_PADDING = 32
_DOTS_MS = 380


class UserMessageView(QWidget):
    """What the user said, on the right."""

    def __init__(self, message: ChatMessage, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("You said")
        self._bubble = QFrame()
        self._bubble.setObjectName("userBubble")
        self._bubble.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Minimum)
        self.text = TextView(theme)
        self.text.setAccessibleName("Your message")
        padding = QVBoxLayout(self._bubble)
        padding.setContentsMargins(_BUBBLE_PADDING // 2, 10, _BUBBLE_PADDING // 2, 10)
        padding.addWidget(self.text)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._bubble)
        self.text.show_plain(message.content)

    def show_message(self, message: ChatMessage) -> None:
        """What was said never changes."""

    def set_theme(self, theme: Theme) -> None:
        """Plain text takes its colour from the style sheet."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As wide as the text wants to be, up to a share of the column."""
        super().resizeEvent(event)
        widest = int(event.size().width() * _BUBBLE_SHARE)
        document = self.text.document()
        document.setTextWidth(-1)
        wanted = int(document.idealWidth()) + _BUBBLE_PADDING + 2
        self._bubble.setFixedWidth(min(wanted, widest))
        self.text.fit_height()  # measuring took the line width away


class AnswerView(QWidget):
    """What the model said, on the full width.

    retry_requested(): ask again. link_requested(str, bool): as in TextView.
    """

    retry_requested = Signal()
    link_requested = Signal(str, bool)

    def __init__(self, message: ChatMessage, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._message = message
        self.setAccessibleName("Answer")
        self.thinking = ThinkingView(theme)
        self._waiting = QLabel()
        self._waiting.setObjectName("waiting")
        self._waiting.setAccessibleName("Waiting for the answer")
        self._dots = QTimer(self)
        self._dots.setInterval(_DOTS_MS)
        self._dots.timeout.connect(self._on_dot)
        self._num_dots = 0
        self.markdown = MarkdownView(theme)
        self.markdown.link_requested.connect(self.link_requested)
        self.failure = FailureView(theme)
        self.failure.retry_requested.connect(self.retry_requested)
        self.footer = AnswerFooter(theme)
        self.footer.retry_requested.connect(self.retry_requested)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self.thinking, self._waiting, self.markdown, self.failure, self.footer):
            layout.addWidget(part)
        self.set_theme(theme)
        self.show_message(message)

    def show_message(self, message: ChatMessage) -> None:
        """Show it as it is now."""
        self._message = message
        is_streaming = message.state == MessageState.STREAMING
        self.thinking.setVisible(bool(message.thinking))
        if message.thinking:
            is_done = bool(message.content) or not is_streaming
            self.thinking.show_thought(message.thinking, message.thinking_s, is_done=is_done)
        is_waiting = is_streaming and not message.content and not message.thinking
        self._waiting.setVisible(is_waiting)
        if is_waiting != self._dots.isActive():
            self._on_dot()
            self._dots.start() if is_waiting else self._dots.stop()
        self.markdown.setVisible(bool(message.content))
        self.markdown.set_source(message.content)
        if not is_streaming:
            self.markdown.finish()
        self.failure.setVisible(message.state == MessageState.FAILED)
        if message.error:
            self.failure.show_error(message.error, can_retry=True)
        self.footer.setVisible(not is_streaming and message.state != MessageState.FAILED)
        self.footer.show_message(message)

    def set_last(self, is_last: bool) -> None:
        """Only the last answer of a chat can be asked for again."""
        self.footer.again_button.setVisible(is_last)
        self.failure.button.setVisible(is_last)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.thinking.set_theme(theme)
        self.markdown.set_theme(theme)
        self.failure.set_theme(theme)
        self.footer.set_theme(theme)

    @Slot()
    def _on_dot(self) -> None:
        self._num_dots = self._num_dots % 3 + 1
        self._waiting.setText("\N{BLACK CIRCLE} " * self._num_dots)
