"""What the model thought before it answered: a grey block that folds. UI thread."""

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ui import icons
from ui.markdown.text_view import TextView
from ui.theme import Theme


def thought_for(seconds: float) -> str:
    """The title of a finished block."""
    if seconds < 1:
        return "Thought for a moment"
    if seconds < 60:
        return f"Thought for {seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"Thought for {minutes} min {rest} s"


class ThinkingView(QFrame):
    """Open while the model thinks, folded once it answers; the user's own choice stays."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._chosen = False
        self.button = QToolButton()
        self.button.setObjectName("thinkingTitle")
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setIconSize(QSize(14, 14))
        self.button.setCheckable(True)
        self.button.setChecked(True)
        self.button.clicked.connect(self._on_clicked)
        self.text = TextView(theme)
        self.text.setObjectName("thinkingText")
        self._body = QFrame()
        self._body.setObjectName("thinkingBody")
        body = QVBoxLayout(self._body)
        body.setContentsMargins(14, 0, 0, 0)
        body.addWidget(self.text)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 10)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self._body)
        self._show_state()

    def show_thought(self, text: str, seconds: float, *, is_done: bool) -> None:
        """Show the thinking so far, or all of it."""
        self.text.show_plain(text.strip())
        self.button.setText(thought_for(seconds) if is_done else "Thinking\N{HORIZONTAL ELLIPSIS}")
        if not self._chosen:
            self.button.setChecked(not is_done)
        self._show_state()

    def set_theme(self, theme: Theme) -> None:
        """Take other colours."""
        self._theme = theme
        self._show_state()

    @Slot()
    def _on_clicked(self) -> None:
        self._chosen = True
        self._show_state()

    def _show_state(self) -> None:
        is_open = self.button.isChecked()
        name = "chevron-down" if is_open else "chevron-right"
        self.button.setIcon(icons.symbol(name, self._theme.muted))
        self._body.setVisible(is_open)
        if is_open:
            self.text.fit_height()
