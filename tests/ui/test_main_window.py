import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from tests.ui.scripted_server import Script, ScriptedServer, done, say
from ui.chats.record import MessageState
from ui.chats.store import ChatStore
from ui.main_window import MainWindow
from ui.markdown.text_view import TextView
from ui.server_state import ServerPhase, ServerState
from ui.theme import DARK, LIGHT


class Driver:
    """Does with the window what a user does."""

    def __init__(self, qtbot: QtBot, window: MainWindow, url: str) -> None:
        self.qtbot = qtbot
        self.window = window
        self.url = url

    def connect(self) -> None:
        self.window.show_server(ServerState(ServerPhase.OWN, self.url))
        self.qtbot.waitUntil(lambda: self.window.pane.composer.picker.model != "")

    def type(self, text: str) -> None:
        edit = self.window.pane.composer.edit
        self.qtbot.keyClicks(edit, text)
        self.qtbot.keyClick(edit, Qt.Key.Key_Return)

    def wait_for_answer(self) -> None:
        self.qtbot.waitUntil(lambda: bool(self.messages) and not self.window.is_busy)

    @property
    def messages(self) -> list[str]:
        return [m.content for m in self.window.pane.conversation.messages]

    @property
    def titles(self) -> list[str]:
        rows = self.window.sidebar.list
        items = [rows.item(n) for n in range(rows.count())]
        return [i.text() for i in items if i.data(Qt.ItemDataRole.UserRole)]


@pytest.fixture
def memory(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def driver(
    qtbot: QtBot, store: ChatStore, scripted: ScriptedServer, memory: QSettings
) -> Iterator[Driver]:
    window = MainWindow(store, ServerState(ServerPhase.STARTING, scripted.url), LIGHT, memory)
    qtbot.addWidget(window)
    window.show()
    yield Driver(qtbot, window, scripted.url)
    window.shut_down(5.0)


def test_before_the_server_is_there_nothing_can_be_sent(driver: Driver) -> None:
    driver.type("too early")
    assert driver.messages == []
    assert not driver.window.pane.welcome.buttons[0].isEnabled()
    driver.connect()
    assert driver.window.pane.composer.edit.toPlainText() == "too early"
    assert driver.window.pane.composer.button.isEnabled()


def test_message_gets_an_answer_and_the_chat_its_row(
    driver: Driver, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("**Blue**."), done())]
    driver.connect()
    driver.type("Why is the sky blue?")
    driver.wait_for_answer()
    assert driver.messages == ["Why is the sky blue?", "**Blue**."]
    assert driver.titles == ["Why is the sky blue?"]
    assert driver.window.title.text() == "Why is the sky blue?"
    assert driver.window.pane.composer.edit.toPlainText() == ""
    assert driver.window.pane.transcript.isVisible()


def test_suggestion_is_a_message(driver: Driver, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script(say("ok"), done())]
    driver.connect()
    driver.window.pane.welcome.buttons[0].click()
    driver.wait_for_answer()
    assert driver.messages == [driver.window.pane.welcome.buttons[0].text(), "ok"]


def test_answer_goes_on_while_another_chat_is_shown(
    driver: Driver, scripted: ScriptedServer
) -> None:
    go_on = threading.Event()
    scripted.scripts = [
        Script(say("slow "), go_on, say("answer"), done()),
        Script(say("quick"), done()),
    ]
    driver.connect()
    driver.type("first")
    first = driver.window.pane.conversation
    driver.qtbot.waitUntil(lambda: driver.messages == ["first", "slow "])
    driver.window.start_chat()
    driver.type("second")
    driver.qtbot.waitUntil(lambda: driver.messages == ["second", "quick"])
    go_on.set()
    driver.wait_for_answer()
    assert [m.content for m in first.messages] == ["first", "slow answer"]
    assert first.chat is not None
    driver.window.open_chat(first.chat.id)
    assert driver.window.pane.conversation is first


def test_what_was_begun_in_a_chat_is_there_on_coming_back(
    driver: Driver, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("a"), done())]
    driver.connect()
    driver.type("first")
    driver.wait_for_answer()
    chat = driver.window.pane.conversation.chat
    assert chat is not None
    edit = driver.window.pane.composer.edit
    edit.setPlainText("unfinished")
    driver.window.start_chat()
    assert edit.toPlainText() == ""
    driver.window.open_chat(chat.id)
    assert edit.toPlainText() == "unfinished"


def test_stop_ends_the_answer(driver: Driver, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script(say("half"), threading.Event())]
    driver.connect()
    driver.type("go")
    driver.qtbot.waitUntil(lambda: driver.messages == ["go", "half"])
    driver.qtbot.keyClick(driver.window.pane.composer.edit, Qt.Key.Key_Escape)
    driver.wait_for_answer()
    assert driver.window.pane.conversation.messages[-1].state == MessageState.STOPPED
    assert scripted.client_gone.wait(5)


def test_renaming_while_an_answer_streams_keeps_the_new_title(
    driver: Driver, store: ChatStore, scripted: ScriptedServer
) -> None:
    go_on = threading.Event()
    scripted.scripts = [Script(say("a"), go_on, done())]
    driver.connect()
    driver.type("old title")
    driver.qtbot.waitUntil(lambda: driver.messages == ["old title", "a"])
    chat = driver.window.pane.conversation.chat
    assert chat is not None
    driver.window.sidebar.renamed.emit(chat.id, "New title")
    go_on.set()
    driver.wait_for_answer()
    assert driver.titles == ["New title"] == [c.title for c in store.chats()]
    assert driver.window.title.text() == "New title"
    driver.window.sidebar.renamed.emit(chat.id, "")
    assert driver.titles == ["New title"]


@pytest.mark.parametrize(
    "answer", [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.Cancel]
)
def test_delete_asks_first(
    driver: Driver, store: ChatStore, answer: QMessageBox.StandardButton
) -> None:
    chat = store.create_chat("doomed", "one")
    driver.window.open_chat(chat.id)
    driver.window.sidebar.searched.emit("")

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        box.button(answer).click()

    QTimer.singleShot(0, press)
    driver.window.sidebar.delete_requested.emit(chat.id)
    is_deleted = answer == QMessageBox.StandardButton.Yes
    assert (store.chats() == []) is is_deleted
    assert (driver.window.pane.conversation.chat is None) is is_deleted


def test_deleting_a_chat_ends_its_answer(
    driver: Driver, store: ChatStore, scripted: ScriptedServer
) -> None:
    scripted.scripts = [Script(say("half"), threading.Event())]
    driver.connect()
    driver.type("go")
    driver.qtbot.waitUntil(lambda: driver.messages == ["go", "half"])
    chat = driver.window.pane.conversation.chat
    assert chat is not None
    driver.window.delete_chat(chat.id)
    assert scripted.client_gone.wait(5)
    assert store.chats() == []
    assert not driver.window.is_busy


def test_old_chat_brings_its_model_and_a_new_one_the_users_choice(
    driver: Driver, store: ChatStore
) -> None:
    driver.connect()
    picker = driver.window.pane.composer.picker
    picker.actions_by_model()["two"].trigger()
    chat = store.create_chat("old", "one")
    driver.window.open_chat(chat.id)
    assert picker.model == "one"
    driver.window.start_chat()
    assert picker.model == "two"


def test_choice_of_model_and_sidebar_are_remembered(
    driver: Driver, qtbot: QtBot, store: ChatStore, memory: QSettings, scripted: ScriptedServer
) -> None:
    driver.connect()
    driver.window.pane.composer.picker.actions_by_model()["two"].trigger()
    driver.window.sidebar_button.click()
    driver.window.close()
    again = MainWindow(store, ServerState(ServerPhase.OWN, scripted.url), LIGHT, memory)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: again.pane.composer.picker.model == "two")
    assert again.sidebar.isHidden()
    again.shut_down(1.0)


def test_server_that_could_not_start_is_explained_with_a_way_out(driver: Driver) -> None:
    state = ServerState(ServerPhase.FAILED, driver.url, "port 11434 is taken")
    driver.window.show_server(state)
    banner = driver.window.banner
    assert banner.isVisible()
    assert banner.text.text() == "Port 11434 is taken"
    with driver.qtbot.waitSignal(driver.window.retry_server_requested):
        banner.action.click()
    driver.connect()
    assert not banner.isVisible()


def test_search_narrows_the_list(driver: Driver, store: ChatStore) -> None:
    store.create_chat("about cats", "one")
    store.create_chat("about dogs", "one")
    driver.window.sidebar.search.setText("cats")
    assert driver.titles == ["about cats"]


def test_shortcuts(driver: Driver) -> None:
    driver.window.activateWindow()
    with driver.qtbot.waitSignal(driver.window.quit_requested):
        driver.qtbot.keyClick(driver.window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    with driver.qtbot.waitSignal(driver.window.settings_requested):
        driver.qtbot.keyClick(driver.window, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)


def test_dark_reaches_the_answers_that_are_shown(driver: Driver, scripted: ScriptedServer) -> None:
    scripted.scripts = [Script(say("see [this](https://a.example)"), done())]
    driver.connect()
    driver.type("hello")
    driver.wait_for_answer()
    driver.window.set_theme(DARK)
    texts = [view.toHtml() for view in driver.window.findChildren(TextView)]
    assert any(DARK.accent in text for text in texts)
    assert not any(LIGHT.accent in text for text in texts)


def test_every_control_has_a_name_for_screen_readers(driver: Driver) -> None:
    from PySide6.QtWidgets import QAbstractButton, QLineEdit, QListWidget, QTextEdit

    nameless = [
        child
        for kind in (QAbstractButton, QLineEdit, QListWidget, QTextEdit)
        for child in driver.window.findChildren(kind)
        if child.isVisible()
        and not child.accessibleName()
        and not (isinstance(child, QAbstractButton) and child.text())
        and not child.objectName().startswith("qt_")
        and type(child).__module__.startswith("ui")
    ]
    assert nameless == []
