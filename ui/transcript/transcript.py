"""The scrolling column of messages: follows the newest text until the reader scrolls away.

UI thread. Holds widgets for the last messages only; older ones come in on scrolling up.
Repaints of a streaming answer are gathered to at most 25 a second.
"""

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QToolButton, QVBoxLayout, QWidget

from ui import icons
from ui.chats.record import ChatMessage, MessageState
from ui.theme import Theme
from ui.transcript.message import AnswerView, UserMessageView

COLUMN_WIDTH = 740
PAGE = 40
"""Messages that get widgets at once, and that come in on scrolling up."""
_REPAINT_MS = 40
_NEAR_END = 24
_MARGIN = 28


class Transcript(QScrollArea):
    """retry_requested(): the last answer again. link_requested(str, bool): as in TextView."""

    retry_requested = Signal()
    link_requested = Signal(str, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("transcript")
        self.setAccessibleName("Messages")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._theme = theme
        self._messages: list[ChatMessage] = []
        self._first_shown = 0
        self._views: dict[str, UserMessageView | AnswerView] = {}
        self._stale: set[str] = set()
        self._is_following = True
        self._content = QWidget()
        self._content.setObjectName("transcriptContent")
        self._column = QVBoxLayout(self._content)
        self._column.setSpacing(24)
        self._column.addStretch(1)
        self.setWidget(self._content)
        self._repaint = QTimer(self)
        self._repaint.setSingleShot(True)
        self._repaint.setInterval(_REPAINT_MS)
        self._repaint.timeout.connect(self._on_repaint)
        self.jump_button = QToolButton(self)
        self.jump_button.setObjectName("jump")
        self.jump_button.setAccessibleName("Jump to the newest message")
        self.jump_button.setToolTip("Jump to the newest message")
        self.jump_button.setIconSize(QSize(18, 18))
        self.jump_button.setFixedSize(36, 36)
        self.jump_button.hide()
        self.jump_button.clicked.connect(self.jump_to_end)
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._on_range_changed)
        bar.valueChanged.connect(self._on_scrolled)
        self.set_theme(theme)

    def show_messages(self, messages: list[ChatMessage]) -> None:
        """Show another chat, from its end."""
        for view in self._views.values():
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._views.clear()
        self._stale.clear()
        self._messages = list(messages)
        self._first_shown = max(0, len(messages) - PAGE)
        for message in messages[self._first_shown :]:
            self._insert(message, len(self._views))
        self._mark_last()
        self.jump_to_end()

    def add(self, message: ChatMessage) -> None:
        """A message came at the end."""
        self._messages.append(message)
        self._insert(message, len(self._views))
        self._mark_last()
        if message.role == "user":
            self.jump_to_end()

    def change(self, message: ChatMessage) -> None:
        """The last message changed. Shown soon; at once when its answer is over."""
        assert self._messages[-1].id == message.id
        self._messages[-1] = message
        self._stale.add(message.id)
        if message.state != MessageState.STREAMING:
            self._on_repaint()
        elif not self._repaint.isActive():
            self._repaint.start()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.jump_button.setIcon(icons.symbol("down", theme.text))
        for view in self._views.values():
            view.set_theme(theme)

    @Slot()
    def jump_to_end(self) -> None:
        """Show the newest text and follow it from now on."""
        self._is_following = True
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        self._show_jump_button()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the column readable: never wider than COLUMN_WIDTH, centred."""
        self._set_margins()
        super().resizeEvent(event)
        self.jump_button.move(
            (self.width() - self.jump_button.width()) // 2,
            self.height() - self.jump_button.height() - 10,
        )

    def viewportEvent(self, event: QEvent) -> bool:
        """The scroll bar came or went: centre again."""
        if event.type() == QEvent.Type.Resize:
            self._set_margins()
        return super().viewportEvent(event)

    def _set_margins(self) -> None:
        side = max(_MARGIN, (self.viewport().width() - COLUMN_WIDTH) // 2)
        self._column.setContentsMargins(side, 24, side, 20)

    def _insert(self, message: ChatMessage, index: int) -> None:
        view: UserMessageView | AnswerView
        if message.role == "user":
            view = UserMessageView(message, self._theme)
        else:
            view = AnswerView(message, self._theme)
            view.retry_requested.connect(self.retry_requested)
            view.link_requested.connect(self.link_requested)
        self._views[message.id] = view
        self._column.insertWidget(index, view)
        view.show()  # now, not with the next event: its height is needed at once

    def _mark_last(self) -> None:
        last = self._messages[-1].id if self._messages else ""
        for message_id, view in self._views.items():
            if isinstance(view, AnswerView):
                view.set_last(message_id == last)

    @Slot()
    def _on_repaint(self) -> None:
        self._repaint.stop()
        for message in self._messages[-1:]:
            if message.id in self._stale:
                self._views[message.id].show_message(message)
        self._stale.clear()

    @Slot(int, int)
    def _on_range_changed(self, _lowest: int, highest: int) -> None:
        if self._is_following:
            self.verticalScrollBar().setValue(highest)
        self._show_jump_button()

    @Slot(int)
    def _on_scrolled(self, value: int) -> None:
        self._is_following = value >= self.verticalScrollBar().maximum() - _NEAR_END
        self._show_jump_button()
        if value == 0 and self._first_shown and not self._is_following:
            self._show_older()

    def _show_older(self) -> None:
        """Put the page before the first one in front, and keep the reader's place."""
        bar = self.verticalScrollBar()
        from_end = bar.maximum() - bar.value()
        start = max(0, self._first_shown - PAGE)
        older = self._messages[start : self._first_shown]
        self._first_shown = start
        known = dict(self._views)
        self._views.clear()
        for index, message in enumerate(older):
            self._insert(message, index)
        self._views.update(known)
        self._mark_last()
        layout = self._content.layout()
        assert layout is not None
        layout.activate()
        self._content.adjustSize()
        bar.setValue(bar.maximum() - from_end)

    def _show_jump_button(self) -> None:
        bar = self.verticalScrollBar()
        self.jump_button.setVisible(bar.maximum() > 0 and not self._is_following)
