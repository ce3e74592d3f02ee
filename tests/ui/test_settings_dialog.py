import pytest
from pytestqt.qtbot import QtBot

from ui.preferences import Preference, Preferences, context_text, keep_alive_text
from ui.server_state import ServerPhase, ServerState
from ui.settings_dialog import SettingsDialog

OWN = ServerState(ServerPhase.OWN, "http://127.0.0.1:11434")


def _preferences(context: float = 0, locked_by: str = "") -> Preferences:
    return Preferences(
        Preference(context, locked_by), Preference(300.0), "/models", "http://127.0.0.1:11434"
    )


def _dialog(qtbot: QtBot, preferences: Preferences, state: ServerState = OWN) -> SettingsDialog:
    dialog = SettingsDialog(preferences, state)
    qtbot.addWidget(dialog)
    dialog.show()
    return dialog


def test_only_what_changed_is_applied(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _preferences())
    assert dialog.context_value.text() == "Automatic"
    dialog.context.setValue(2)
    assert dialog.context_value.text() == "8k tokens"
    with qtbot.waitSignal(dialog.applied) as applied:
        dialog.save_button.click()
    assert applied.args == [{"context_length": 8192}]


def test_nothing_changed_restarts_nothing(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _preferences(8192))
    with qtbot.assertNotEmitted(dialog.applied):
        dialog.save_button.click()


def test_value_between_the_stops_is_kept(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _preferences(5000))
    assert dialog.context_value.text() == "5000 tokens"
    with qtbot.assertNotEmitted(dialog.applied):
        dialog.save_button.click()


def test_setting_of_the_environment_is_locked_and_says_why(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, _preferences(8192, locked_by="OLLAMA_CONTEXT_LENGTH"))
    assert not dialog.context.isEnabled()
    assert dialog.keep_alive.isEnabled()


def test_foreign_server_keeps_its_own_settings(qtbot: QtBot) -> None:
    state = ServerState(ServerPhase.FOREIGN, OWN.url, program="Ollama 0.9")
    dialog = _dialog(qtbot, _preferences(), state)
    assert not dialog.context.isEnabled()
    assert not dialog.keep_alive.isEnabled()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "Not at all"),
        (300, "5 minutes"),
        (3600, "1 hour"),
        (14400, "4 hours"),
        (90, "90 seconds"),
        (float("inf"), "Until Corral quits"),
    ],
)
def test_keep_alive_in_words(seconds: float, text: str) -> None:
    assert keep_alive_text(seconds) == text


def test_context_lengths_in_words() -> None:
    assert [context_text(n) for n in (0, 4096, 262144, 5000)] == [
        "Automatic",
        "4k tokens",
        "256k tokens",
        "5000 tokens",
    ]
