"""A Markdown text as a column of views, growing while it streams. UI thread."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from ui.markdown.blocks import CodeSegment, Segment, TextSegment
from ui.markdown.code_view import CodeView
from ui.markdown.growing import Change, GrowingMarkdown
from ui.markdown.text_view import TextView
from ui.theme import Theme


class MarkdownView(QWidget):
    """Shows one message's text.

    link_requested(str, bool): as in TextView.
    """

    link_requested = Signal(str, bool)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._growing = GrowingMarkdown()
        self._shown: list[tuple[Segment, TextView | CodeView]] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)

    @property
    def source(self) -> str:
        """The text that is shown."""
        return self._growing.source

    def set_source(self, text: str) -> None:
        """Show this text; cheap when it only continues what is shown."""
        if text.startswith(self._growing.source):
            rest = text[len(self._growing.source) :]
            if rest:
                self._apply(self._growing.append(rest))
        else:
            self._growing = GrowingMarkdown()
            self._growing.append(text)
            self._apply(self._growing.finish())

    def finish(self) -> None:
        """The text is complete."""
        self._apply(self._growing.finish())

    def set_theme(self, theme: Theme) -> None:
        """Show everything in other colours."""
        self._theme = theme
        for segment, view in self._shown:
            self._fill(view, segment)

    def _apply(self, change: Change) -> None:
        for offset, segment in enumerate(change.segments):
            index = change.first + offset
            if index < len(self._shown):
                known, view = self._shown[index]
                if known == segment:
                    continue
                if isinstance(view, CodeView) == isinstance(segment, CodeSegment):
                    self._fill(view, segment)
                    self._shown[index] = (segment, view)
                    continue
                self._drop_from(index)
            self._shown.append((segment, self._add(segment)))
        self._drop_from(change.first + len(change.segments))

    def _add(self, segment: Segment) -> TextView | CodeView:
        view: TextView | CodeView
        if isinstance(segment, CodeSegment):
            view = CodeView(self._theme)
        else:
            view = TextView(self._theme)
            view.link_requested.connect(self.link_requested)
        self._layout.addWidget(view)
        view.show()
        self._fill(view, segment)
        return view

    def _fill(self, view: TextView | CodeView, segment: Segment) -> None:
        if isinstance(view, CodeView):
            assert isinstance(segment, CodeSegment)
            view.show_segment(segment, self._theme)
        else:
            assert isinstance(segment, TextSegment)
            view.show_html(segment.html, self._theme)

    def _drop_from(self, index: int) -> None:
        for _, view in self._shown[index:]:
            self._layout.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self._shown[index:]
