from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from ui.markdown.text_view import TextView
from ui.theme import LIGHT


def _view(qtbot: QtBot, html: str, width: int = 300) -> TextView:
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    view.resize(width, 50)
    view.show()
    view.show_html(html, LIGHT)
    return view


def test_view_is_as_tall_as_its_text(qtbot: QtBot) -> None:
    view = _view(qtbot, "<p>" + "word " * 100 + "</p>")
    assert view.verticalScrollBar().maximum() == 0
    tall = view.height()
    view.resize(600, tall)
    qtbot.waitUntil(lambda: view.height() < tall)
    assert view.verticalScrollBar().maximum() == 0


def test_click_on_a_link_asks_and_goes_nowhere(qtbot: QtBot) -> None:
    view = _view(qtbot, '<p><a href="https://evil.example/">https://good.example</a></p>')
    with qtbot.waitSignal(view.link_requested) as asked:
        qtbot.mouseClick(
            view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, view.height() // 3)
        )
    assert asked.args == ["https://evil.example/", False]
    assert view.source() == QUrl()


def test_link_that_shows_its_target_says_so(qtbot: QtBot) -> None:
    view = _view(qtbot, '<p><a href="https://a.example/x">https://a.example/x</a></p>')
    with qtbot.waitSignal(view.link_requested) as asked:
        qtbot.mouseClick(
            view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(20, view.height() // 3)
        )
    assert asked.args == ["https://a.example/x", True]


def test_text_can_be_selected_and_copied(qtbot: QtBot) -> None:
    view = _view(qtbot, "<p>copy <b>me</b></p>")
    view.moveCursor(QTextCursor.MoveOperation.Start)
    view.moveCursor(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    assert view.textCursor().selectedText() == "copy me"


def test_plain_text_stays_plain(qtbot: QtBot) -> None:
    view = TextView(LIGHT)
    qtbot.addWidget(view)
    view.show_plain("<b>no</b> **markup**")
    assert view.toPlainText() == "<b>no</b> **markup**"
