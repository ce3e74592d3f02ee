"""Where the user writes: grows with the text, Enter sends, Esc stops. UI thread."""

from PySide6.QtCore import QEvent, QMimeData, QSize, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QSizePolicy,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui import icons
from ui.model_picker import ModelPicker
from ui.theme import Theme

MAX_LINES = 8


class MessageEdit(QTextEdit):
    """Plain text only. submitted(): Enter. stopped(): Esc. focused(bool): focus came or went."""

    submitted = Signal()
    stopped = Signal()
    focused = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("messageEdit")
        self.setAcceptRichText(False)
        self.setPlaceholderText("Send a message")
        self.setAccessibleName("Message")
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.document().setDocumentMargin(2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.textChanged.connect(self.fit_height)
        self.fit_height()

    @Slot()
    def fit_height(self) -> None:
        """As high as the text, up to MAX_LINES."""
        line = self.fontMetrics().lineSpacing()
        wanted = round(self.document().size().height()) + 2
        self.setFixedHeight(max(line + 8, min(wanted, MAX_LINES * line + 8)))

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Paste the text of it, never its looks."""
        if source.hasText():
            self.insertPlainText(source.text())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends, Shift+Enter breaks the line; Enter of an input method does neither."""
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.submitted.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.stopped.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tell the frame around."""
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tell the frame around."""
        super().focusOutEvent(event)
        self.focused.emit(False)

    def changeEvent(self, event: QEvent) -> None:
        """Another font means another height."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.fit_height()


class Composer(QFrame):
    """The writing card with model picker and Send/Stop.

    submitted(str): send this text; clear() once it is on its way. stop_requested(): end the answer.
    """

    submitted = Signal(str)
    stop_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composer")
        self._theme = theme
        self._is_busy = False
        self._can_send = False
        self.edit = MessageEdit()
        self.edit.submitted.connect(self._on_submit)
        self.edit.stopped.connect(self._on_stop)
        self.edit.focused.connect(self._on_focused)
        self.edit.textChanged.connect(self._show_button)
        self.picker = ModelPicker(theme)
        self.picker.chosen.connect(self._on_model_chosen)
        self.button = QToolButton()
        self.button.setObjectName("send")
        self.button.setFixedSize(34, 34)
        self.button.setIconSize(QSize(18, 18))
        self.button.clicked.connect(self._on_button)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.picker)
        row.addStretch(1)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 10, 10)
        layout.setSpacing(8)
        layout.addWidget(self.edit)
        layout.addLayout(row)
        self.setFocusProxy(self.edit)
        self.set_theme(theme)

    def clear(self) -> None:
        """The text has been sent."""
        self.edit.clear()

    def set_busy(self, is_busy: bool) -> None:
        """While an answer streams, the button stops it; writing on stays possible."""
        self._is_busy = is_busy
        self._show_button()

    def set_enabled_to_send(self, can_send: bool) -> None:
        """Whether a server is there to send to."""
        self._can_send = can_send
        self._show_button()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self.picker.set_theme(theme)
        self._show_button()

    @Slot()
    def _show_button(self) -> None:
        is_ready = self._can_send and bool(self.edit.toPlainText().strip())
        is_ready = is_ready and bool(self.picker.model)
        name = "Stop" if self._is_busy else "Send"
        self.button.setAccessibleName(name)
        self.button.setToolTip("Stop (Esc)" if self._is_busy else "Send (Enter)")
        self.button.setEnabled(self._is_busy or is_ready)
        self.button.setIcon(
            icons.symbol(
                "stop" if self._is_busy else "send",
                self._theme.on_accent,
                disabled=self._theme.muted,
            )
        )

    @Slot(bool)
    def _on_focused(self, has_focus: bool) -> None:
        self.setProperty("focused", has_focus)
        self.style().unpolish(self)
        self.style().polish(self)

    @Slot(str)
    def _on_model_chosen(self, _model: str) -> None:
        self._show_button()
        self.edit.setFocus()

    @Slot()
    def _on_button(self) -> None:
        if self._is_busy:
            self.stop_requested.emit()
        else:
            self._on_submit()

    @Slot()
    def _on_stop(self) -> None:
        if self._is_busy:
            self.stop_requested.emit()

    @Slot()
    def _on_submit(self) -> None:
        text = self.edit.toPlainText().strip()
        if not self._is_busy and self._can_send and text and self.picker.model:
            self.submitted.emit(text)
