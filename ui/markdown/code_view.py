"""A code block: its language, a Copy button, the code with colours. UI thread."""

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from ui import icons
from ui.markdown.blocks import CodeSegment
from ui.markdown.highlight import code_html
from ui.markdown.text_view import TextView
from ui.theme import Theme

_COPIED_MS = 1500


class CodeView(QWidget):
    """Shows one CodeSegment."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._segment = CodeSegment("", "")
        self._language = QLabel()
        self._language.setObjectName("codeLanguage")
        self.copy_button = QToolButton()
        self.copy_button.setObjectName("codeCopy")
        self.copy_button.setAccessibleName("Copy code")
        self._show_copied(False)
        self.copy_button.clicked.connect(self._on_copy)
        self._text = TextView(theme, wraps=False)
        self._text.setObjectName("codeText")

        header = QFrame()
        header.setObjectName("codeHeader")
        row = QHBoxLayout(header)
        row.setContentsMargins(14, 3, 6, 3)
        row.addWidget(self._language)
        row.addStretch(1)
        row.addWidget(self.copy_button)
        body = QVBoxLayout()
        body.setContentsMargins(14, 11, 14, 9)
        body.addWidget(self._text)
        card = QFrame()
        card.setObjectName("codeBlock")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(header)
        layout.addLayout(body)
        around = QVBoxLayout(self)
        around.setContentsMargins(0, 2, 0, 14)
        around.addWidget(card)

    def show_segment(self, segment: CodeSegment, theme: Theme) -> None:
        """Replace what is shown."""
        self._segment = segment
        self._theme = theme
        self._show_copied(False)
        self._language.setText(segment.language or "code")
        self._text.show_html(code_html(segment.code, segment.language, theme.is_dark), theme)

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self._segment.code)
        self._show_copied(True)
        QTimer.singleShot(_COPIED_MS, self, self._on_copied_shown)

    @Slot()
    def _on_copied_shown(self) -> None:
        self._show_copied(False)

    def _show_copied(self, is_copied: bool) -> None:
        name = "check" if is_copied else "copy"
        self.copy_button.setIcon(icons.symbol(name, self._theme.muted))
        self.copy_button.setToolTip("Copied" if is_copied else "Copy code")
