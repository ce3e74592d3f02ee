"""What an empty chat shows: the mark, one line, and a few questions to begin with. UI thread."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from ui import icons
from ui.theme import Theme

SUGGESTIONS = ("Why is the sky blue?", "Tell me a short story.", "What can you do?")


class Welcome(QWidget):
    """suggested(str): the user clicked a question."""

    suggested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mark = QLabel()
        self._mark.setFixedSize(64, 64)
        self._mark.setScaledContents(True)
        title = QLabel("What would you like to know?")
        title.setObjectName("welcomeTitle")
        self._text = QLabel()
        self._text.setObjectName("welcomeText")
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self.buttons = [QPushButton(text) for text in SUGGESTIONS]
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        for button in self.buttons:
            button.setObjectName("suggestion")
            button.setCursor(Qt.CursorShape.PointingHandCursor)
            button.clicked.connect(self._on_clicked)
            row.addWidget(button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 0, 24, 0)
        layout.setSpacing(0)
        layout.addStretch(5)
        layout.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(20)
        layout.addWidget(title, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(8)
        layout.addWidget(self._text, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(28)
        layout.addLayout(row)
        layout.addStretch(6)
        self.set_theme(theme)
        self.set_can_send(False)

    def set_text(self, text: str) -> None:
        """The line under the title."""
        self._text.setText(text)

    def set_can_send(self, can_send: bool) -> None:
        """Whether a question could be sent now."""
        for button in self.buttons:
            button.setEnabled(can_send)

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._mark.setPixmap(icons.draw("corral", 128))

    @Slot()
    def _on_clicked(self) -> None:
        button = self.sender()
        assert isinstance(button, QPushButton)
        self.suggested.emit(button.text())
