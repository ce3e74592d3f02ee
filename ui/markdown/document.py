"""The one rich-text document for foreign text: opens no file and no address. UI thread."""

from PySide6.QtCore import QByteArray, QObject, QUrl
from PySide6.QtGui import QImage, QTextDocument

from ui.theme import Theme

_BULLET_INDENT = 22


class SafeDocument(QTextDocument):
    """Answers every request for a resource with nothing.

    Not answering would not do: Qt then opens the name itself, be it a file or a network share.
    """

    _NOTHING = QImage(1, 1, QImage.Format.Format_ARGB32)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setUndoRedoEnabled(False)
        self.setDocumentMargin(0)
        self.setIndentWidth(_BULLET_INDENT)

    def loadResource(self, kind: int, name: QUrl | str) -> QImage | QByteArray:
        """Called by Qt for images and style sheets."""
        if kind == QTextDocument.ResourceType.ImageResource.value:
            return self._NOTHING
        return QByteArray(b" ")

    def set_theme(self, theme: Theme) -> None:
        """Colours for HTML that is set afterwards."""
        self.setDefaultStyleSheet(_style(theme))

    def link_texts(self, target: str) -> list[str]:
        """The visible texts of all links to this target."""
        texts: list[str] = []
        block = self.begin()
        while block.isValid():
            fragments = block.begin()
            joined = ""
            while not fragments.atEnd():
                fragment = fragments.fragment()
                if fragment.charFormat().anchorHref() == target:
                    joined += fragment.text()
                elif joined:
                    texts.append(joined)
                    joined = ""
                fragments += 1
            if joined:
                texts.append(joined)
            block = block.next()
        return texts


def _style(theme: Theme) -> str:
    return f"""
    p {{ margin-top: 0; margin-bottom: 10px; line-height: 140%; }}
    ul, ol {{ margin-top: 2px; margin-bottom: 12px; }}
    li ul, li ol {{ margin-top: 0; margin-bottom: 0; }}
    li {{ margin-top: 0; margin-bottom: 4px; line-height: 138%; }}
    li p {{ margin-bottom: 4px; }}
    h1 {{ font-size: 17pt; font-weight: 600; margin-top: 10px; margin-bottom: 8px; }}
    h2 {{ font-size: 14pt; font-weight: 600; margin-top: 10px; margin-bottom: 8px; }}
    h3, h4, h5, h6 {{ font-size: 12pt; font-weight: 600; margin-top: 8px; margin-bottom: 6px; }}
    a {{ color: {theme.accent}; text-decoration: underline; }}
    code {{ background-color: {theme.code_header}; font-size: 10pt; }}
    pre {{ font-size: 10pt; margin: 0; line-height: 120%; }}
    table.grid {{ border-collapse: collapse; margin-top: 4px; margin-bottom: 14px; }}
    th, td {{ border: 1px solid {theme.border_strong}; padding: 6px 12px; }}
    th {{ background-color: {theme.code_header}; font-weight: 600; text-align: left; }}
    table.quote {{ margin-top: 2px; margin-bottom: 12px; }}
    td.bar {{ background-color: {theme.border_strong}; border: none; padding: 0; }}
    td.quoted {{ padding: 2px 0 0 12px; border: none; color: {theme.muted}; }}
    hr {{ color: {theme.border}; }}
    """
