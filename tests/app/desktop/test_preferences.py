import json
import math
from pathlib import Path

import pytest

from app import paths
from app.desktop.preferences import preferences_of, save_preferences
from app.settings import SettingsError, load_settings


def test_saved_setting_is_what_the_server_gets() -> None:
    save_preferences(paths.settings_file(), {"context_length": 8192, "keep_alive_s": math.inf})
    settings = load_settings()
    assert (settings.context_length, settings.keep_alive_s) == (8192, math.inf)
    preferences = preferences_of(settings)
    assert preferences.context_length.value == 8192
    assert preferences.keep_alive_s.locked_by == ""


def test_one_change_leaves_all_others_alone() -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text('{"max_queue": 7, "models": "/elsewhere"}')
    save_preferences(path, {"keep_alive_s": 1800.0})
    assert json.loads(path.read_text()) == {
        "max_queue": 7,
        "models": "/elsewhere",
        "keep_alive_s": 1800,
    }
    save_preferences(path, {"context_length": 0})
    assert "context_length" not in json.loads(path.read_text())


def test_automatic_goes_back_to_the_default() -> None:
    path = paths.settings_file()
    save_preferences(path, {"context_length": 8192})
    save_preferences(path, {"context_length": 0})
    assert load_settings().origin("context_length") == "default"


def test_environment_locks_what_it_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_CONTEXT_LENGTH", "16384")
    preferences = preferences_of(load_settings())
    assert preferences.context_length.locked_by == "OLLAMA_CONTEXT_LENGTH"
    assert preferences.keep_alive_s.locked_by == ""


@pytest.mark.parametrize("content", ["{", "[]"])
def test_broken_file_is_an_error_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(SettingsError):
        save_preferences(path, {"context_length": 8192})
    assert path.read_text() == content
