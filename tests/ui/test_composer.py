import pytest
from PySide6.QtCore import QMimeData, Qt
from pytestqt.qtbot import QtBot

from api.client.shapes import ModelSummary
from ui.composer import MAX_LINES, Composer
from ui.theme import LIGHT


@pytest.fixture
def composer(qtbot: QtBot) -> Composer:
    made = Composer(LIGHT)
    qtbot.addWidget(made)
    made.picker.set_models([ModelSummary(name="one")])
    made.set_enabled_to_send(True)
    made.show()
    return made


def test_enter_sends_and_shift_enter_breaks_the_line(qtbot: QtBot, composer: Composer) -> None:
    qtbot.keyClicks(composer.edit, "one")
    qtbot.keyClick(composer.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(composer.edit, "two")
    with qtbot.waitSignal(composer.submitted) as sent:
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)
    assert sent.args == ["one\ntwo"]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_blank_text_is_not_sent(qtbot: QtBot, composer: Composer, text: str) -> None:
    composer.edit.setPlainText(text)
    assert not composer.button.isEnabled()
    with qtbot.assertNotEmitted(composer.submitted):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)


def test_nothing_is_sent_without_a_server_or_a_model(qtbot: QtBot, composer: Composer) -> None:
    composer.edit.setPlainText("hello")
    assert composer.button.isEnabled()
    composer.set_enabled_to_send(False)
    assert not composer.button.isEnabled()
    composer.set_enabled_to_send(True)
    composer.picker.set_models([])
    composer.edit.setPlainText("hello again")
    with qtbot.assertNotEmitted(composer.submitted):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Return)


def test_while_busy_the_button_and_escape_stop(qtbot: QtBot, composer: Composer) -> None:
    composer.set_busy(True)
    assert composer.button.accessibleName() == "Stop"
    with qtbot.waitSignal(composer.stop_requested):
        composer.button.click()
    with qtbot.waitSignal(composer.stop_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Escape)
    composer.set_busy(False)
    with qtbot.assertNotEmitted(composer.stop_requested):
        qtbot.keyClick(composer.edit, Qt.Key.Key_Escape)


def test_field_grows_with_its_text_up_to_a_limit(composer: Composer) -> None:
    heights = []
    for lines in (1, 3, MAX_LINES, MAX_LINES * 3):
        composer.edit.setPlainText("\n".join(["x"] * lines))
        heights.append(composer.edit.height())
    assert heights[0] < heights[1] < heights[2] <= heights[3]
    assert heights[3] <= (MAX_LINES + 1) * composer.edit.fontMetrics().lineSpacing()


def test_paste_takes_the_text_and_not_the_looks(composer: Composer) -> None:
    mime = QMimeData()
    mime.setHtml("<h1>Big <img src='file:///x.png'></h1>")
    mime.setText("Big")
    composer.edit.insertFromMimeData(mime)
    assert composer.edit.toPlainText() == "Big"
    assert "<h1" not in composer.edit.toHtml()
