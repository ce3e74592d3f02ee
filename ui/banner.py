"""A strip above the chat that says what is wrong with the program as a whole. UI thread."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from ui import icons
from ui.theme import Theme


class Banner(QFrame):
    """retried(): the user pressed the action (there is one when the server is the problem)."""

    retried = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self.is_about_server = False
        self._icon = QLabel()
        self._icon.setFixedSize(QSize(18, 18))
        self.text = QLabel()
        self.text.setObjectName("bannerText")
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.action = QPushButton()
        self.action.setObjectName("quiet")
        self.action.clicked.connect(self.retried)
        self.dismiss = QPushButton("Dismiss")
        self.dismiss.setObjectName("quiet")
        self.dismiss.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 10, 12, 10)
        row.setSpacing(10)
        row.addWidget(self._icon)
        row.addWidget(self.text, 1)
        row.addWidget(self.action)
        row.addWidget(self.dismiss)
        self.set_theme(theme)
        self.hide()

    def show_problem(self, sentence: str, action: str = "") -> None:
        """Show it; `action` names the button that tries the server again."""
        self.is_about_server = bool(action)
        self.text.setText(sentence[:1].upper() + sentence[1:])
        self.setAccessibleName(f"Problem: {sentence}")
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.show()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._icon.setPixmap(icons.draw("alert", 18, theme.danger))
