import time

from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from ui.markdown.code_view import CodeView
from ui.markdown.markdown_view import MarkdownView
from ui.markdown.text_view import TextView
from ui.theme import DARK, LIGHT

SOURCE = "Look:\n\n```python\nx = 1\ny = 2\n```\n\n- one\n- two\n"


def _texts(view: MarkdownView) -> list[str]:
    return [text.toPlainText() for text in view.findChildren(TextView) if text.isVisibleTo(view)]


def _view(qtbot: QtBot) -> MarkdownView:
    view = MarkdownView(LIGHT)
    qtbot.addWidget(view)
    view.resize(500, 400)
    return view


def test_pieces_end_in_the_same_widgets_as_the_whole(qtbot: QtBot) -> None:
    view = _view(qtbot)
    for end in range(1, len(SOURCE) + 1):
        view.set_source(SOURCE[:end])
    view.finish()
    assert _texts(view) == ["Look:", "x = 1\ny = 2", "one\ntwo"]


def test_other_text_replaces_the_old(qtbot: QtBot) -> None:
    view = _view(qtbot)
    view.set_source(SOURCE)
    view.set_source("New")
    assert _texts(view) == ["New"]
    view.set_source("")
    assert _texts(view) == []


def test_copy_button_copies_the_code_alone(qtbot: QtBot) -> None:
    view = _view(qtbot)
    view.set_source(SOURCE)
    (code,) = view.findChildren(CodeView)
    code.copy_button.click()
    assert QGuiApplication.clipboard().text() == "x = 1\ny = 2"
    assert code.copy_button.toolTip() == "Copied"


def test_theme_reaches_what_is_shown(qtbot: QtBot) -> None:
    view = _view(qtbot)
    view.set_source("[l](https://a.example)")
    view.set_theme(DARK)
    (text,) = view.findChildren(TextView)
    assert DARK.accent in text.toHtml()
    assert LIGHT.accent not in text.toHtml()


def test_long_answer_in_pieces_never_stalls_the_window(qtbot: QtBot) -> None:
    paragraph = "Some **words** with `code` and more of them. " * 8 + "\n\n"
    source = (paragraph * 3 + "```python\nx = 1\n```\n\n- a\n- b\n\n") * 70
    view = _view(qtbot)
    view.show()
    step = len(source) // 200
    slowest = 0.0
    for end in range(step, len(source), step):
        started = time.perf_counter()
        view.set_source(source[:end])
        slowest = max(slowest, time.perf_counter() - started)
    assert len(source) > 70_000
    assert slowest < 0.25  # five times the budget, for a machine that is busy with other tests
