import time
from datetime import date, datetime, timedelta

import pytest
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from ui.chats.record import ChatSummary
from ui.sidebar import Sidebar, group_of
from ui.theme import LIGHT

TODAY = date(2026, 3, 10)


@pytest.mark.parametrize(
    ("days", "group"),
    [(0, "Today"), (1, "This week"), (6, "This week"), (7, "Older"), (-1, "Today")],
)
def test_chats_are_grouped_by_age(days: int, group: str) -> None:
    moment = datetime(2026, 3, 10, 0, 30) - timedelta(days=days)
    assert group_of(moment.timestamp(), TODAY) == group


@pytest.fixture
def sidebar(qtbot: QtBot) -> Sidebar:
    made = Sidebar(LIGHT)
    qtbot.addWidget(made)
    made.show()
    now = time.time()
    made.show_chats(
        [
            ChatSummary("a", "First", "m", now, now),
            ChatSummary("b", "Second", "m", now - 86400 * 30, now - 86400 * 30),
        ],
        selected="",
    )
    return made


def _texts(sidebar: Sidebar) -> list[str]:
    return [sidebar.list.item(row).text() for row in range(sidebar.list.count())]


def test_headings_stand_above_their_chats(sidebar: Sidebar) -> None:
    assert _texts(sidebar) == ["Today", "First", "Older", "Second"]


def test_choosing_a_chat_tells_its_id_and_showing_one_does_not(
    qtbot: QtBot, sidebar: Sidebar
) -> None:
    with qtbot.assertNotEmitted(sidebar.chosen):
        sidebar.select("b")
    with qtbot.waitSignal(sidebar.chosen) as chosen:
        sidebar.list.setCurrentRow(1)
    assert chosen.args == ["a"]


def test_title_is_edited_in_place(qtbot: QtBot, sidebar: Sidebar) -> None:
    sidebar.select("b")
    sidebar.list.editItem(sidebar.list.currentItem())
    editor = sidebar.list.findChild(QLineEdit)
    assert editor is not None
    editor.setText("  Renamed ")
    with qtbot.waitSignal(sidebar.renamed) as renamed:
        sidebar.list.commitData(editor)
    assert renamed.args == ["b", "Renamed"]


def test_search_without_a_find_says_so(sidebar: Sidebar) -> None:
    sidebar.search.setText("zzz")
    sidebar.show_chats([], "")
    assert _texts(sidebar) == ["No chat found"]
