"""An answer that failed: the server's sentence and a way to try again. UI thread."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from ui import icons
from ui.theme import Theme


class FailureView(QFrame):
    """retry_requested(): the user wants the answer asked for again."""

    retry_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("failure")
        self._icon = QLabel()
        self.message = QLabel()
        self.message.setObjectName("failureText")
        self.message.setTextFormat(Qt.TextFormat.PlainText)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = QPushButton("Retry")
        self.button.setObjectName("quiet")
        self.button.clicked.connect(self.retry_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 10, 10, 10)
        row.setSpacing(10)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.message, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        self.set_theme(theme)

    def show_error(self, sentence: str, *, can_retry: bool) -> None:
        """Show the sentence as it came."""
        text = sentence[:1].upper() + sentence[1:]
        self.message.setText(text)
        self.setAccessibleName(f"Error: {text}")
        self.button.setVisible(can_retry)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._icon.setPixmap(icons.draw("alert", 18, theme.danger, 2.0))
        self._icon.setFixedSize(18, 20)
        self._icon.setScaledContents(False)
