"""Selectable text that is as tall as it needs to be, so that only the transcript scrolls."""

import html

from PySide6.QtCore import QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QFont, QFontDatabase, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from ui.markdown.document import SafeDocument
from ui.markdown.links import is_allowed, tells_target
from ui.theme import Theme


class TextView(QTextBrowser):
    """Shows one segment. `wraps=False` scrolls sideways instead, for code.

    link_requested(str, bool): a link was clicked; whether its text already was its target.
    """

    link_requested = Signal(str, bool)

    def __init__(self, theme: Theme, *, wraps: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = SafeDocument(self)
        self._document.set_theme(theme)
        self.setDocument(self._document)
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
            | Qt.TextInteractionFlag.LinksAccessibleByMouse
            | Qt.TextInteractionFlag.LinksAccessibleByKeyboard
        )
        # Tab walks between controls, not through every paragraph of a long chat.
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._wraps = wraps
        if not wraps:
            self.setLineWrapMode(QTextBrowser.LineWrapMode.NoWrap)
            self.document().setDefaultFont(fixed_font())
        else:
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.anchorClicked.connect(self._on_anchor_clicked)
        self.highlighted.connect(self._on_highlighted)

    def show_html(self, source: str, theme: Theme) -> None:
        """Replace the content by HTML that ui.markdown made (never by a model's own)."""
        self._document.set_theme(theme)
        self._document.setHtml(source)
        self.fit_height()

    def show_plain(self, text: str) -> None:
        """Replace the content by text taken literally."""
        self._document.setPlainText(text)
        self.fit_height()

    def fit_height(self) -> None:
        """Take the height that the text has at the present width."""
        if self._wraps:
            self._document.setTextWidth(self.viewport().width())
        height = round(self._document.size().height() + 0.499)
        if not self._wraps and self._document.idealWidth() > self.viewport().width():
            height += self.horizontalScrollBar().sizeHint().height()
        if height != self.height() or self.minimumHeight() != height:
            self.setFixedHeight(height)

    def sizeHint(self) -> QSize:
        """The present height; any width."""
        return QSize(200, self.minimumHeight())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width means another height."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.fit_height()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Vertical scrolling belongs to the transcript around this view."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def doSetSource(self, name: QUrl | str, kind: object = None) -> None:
        """A view never navigates."""

    @Slot(QUrl)
    def _on_anchor_clicked(self, url: QUrl) -> None:
        target = url.toString()
        if is_allowed(target):
            texts = self._document.link_texts(target)
            self.link_requested.emit(target, all(tells_target(text, target) for text in texts))

    @Slot(QUrl)
    def _on_highlighted(self, url: QUrl) -> None:
        # Escaped: a tool tip would render what looks like HTML.
        self.setToolTip(html.escape(url.toString()))


def fixed_font() -> QFont:
    """The system's fixed-width font at the size of code."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPointSizeF(10)
    return font
