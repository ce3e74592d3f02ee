import json
import logging
from pathlib import Path

import pytest

from app import paths
from app.settings import FOREVER, Settings, SettingsError, child_environment, load_settings


def write_file(content: str) -> None:
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")


@pytest.fixture
def no_models_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OLLAMA_MODELS")


@pytest.mark.usefixtures("no_models_variable")
def test_without_any_layer_everything_is_at_its_default(isolated_home: Path) -> None:
    settings = load_settings()
    assert settings == Settings()
    assert settings.models == isolated_home / ".ollama" / "models"
    assert settings.idle_exit_s == FOREVER
    assert settings.origin("host") == "default"


def test_each_layer_covers_the_ones_below_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(
        json.dumps({"max_queue": 1, "num_parallel": 2, "noprune": True, "origins": ["a", "b"]})
    )
    monkeypatch.setenv("OLLAMA_MAX_QUEUE", "3")
    monkeypatch.setenv("OLLAMA_NUM_PARALLEL", "4")
    settings = load_settings({"num_parallel": "5"})
    values = (settings.max_queue, settings.num_parallel, settings.noprune, settings.origins)
    assert values == (3, 5, True, ("a", "b"))
    names = ("max_queue", "num_parallel", "noprune", "context_length")
    assert [settings.origin(name) for name in names] == ["environment", "flag", "file", "default"]


def test_prefix_cache_can_be_sized_and_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert (settings.cache_disk_bytes, settings.cache_ram_bytes) == (20 * 1024**3, None)
    monkeypatch.setenv("CORRAL_CACHE_DISK", "0")
    monkeypatch.setenv("CORRAL_CACHE_RAM", "1000000")
    settings = load_settings()
    assert (settings.cache_disk_bytes, settings.cache_ram_bytes) == (0, 1_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, True) for text in ("1", "t", "T", "TRUE", "true", "True", "yes", "2", " 'true' ")),
        *((text, False) for text in ("0", "f", "F", "FALSE", "false", "False", "", ' "" ', '"0"')),
    ],
)
def test_booleans(monkeypatch: pytest.MonkeyPatch, text: str, expected: bool) -> None:
    monkeypatch.setenv("OLLAMA_NOHISTORY", text)
    assert load_settings().nohistory is expected


@pytest.mark.parametrize(("text", "expected"), [("", None), ("1", True), ("false", False)])
def test_a_tristate_is_unset_by_default(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: bool | None
) -> None:
    monkeypatch.setenv("OLLAMA_GO_TEMPLATE", text)
    monkeypatch.setenv("OLLAMA_FLASH_ATTENTION", text)
    settings = load_settings()
    assert (settings.go_template, settings.flash_attention) == (expected, expected)


@pytest.mark.parametrize("text", ["-1", "1.5", "many", str(2**64)])
def test_a_bad_number_is_the_default_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    caplog.set_level(logging.WARNING, "corral.settings")
    monkeypatch.setenv("OLLAMA_MAX_QUEUE", text)
    assert load_settings().max_queue == 512
    assert "invalid environment variable, using default key=OLLAMA_MAX_QUEUE" in caplog.text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10m", 600), ("90", 90), ("0", 0), ("-1", FOREVER), ("-5m", FOREVER), ("", 300)],
)
def test_keep_alive_takes_durations_and_seconds(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    monkeypatch.setenv("OLLAMA_KEEP_ALIVE", text)
    assert load_settings().keep_alive_s == seconds


@pytest.mark.parametrize(("text", "seconds"), [("0", FOREVER), ("-1s", FOREVER), ("2s", 2)])
def test_no_load_timeout_is_no_limit(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    monkeypatch.setenv("OLLAMA_LOAD_TIMEOUT", text)
    monkeypatch.setenv("CORRAL_IDLE_EXIT", text)
    settings = load_settings()
    assert (settings.load_timeout_s, settings.idle_exit_s) == (seconds, seconds)


@pytest.mark.parametrize(
    ("text", "level"), [("", 0), ("0", 0), ("false", 0), ("1", 1), ("true", 1), ("2", 2), ("x", 0)]
)
def test_debug_levels(monkeypatch: pytest.MonkeyPatch, text: str, level: int) -> None:
    monkeypatch.setenv("OLLAMA_DEBUG", text)
    assert load_settings().debug == level


def test_a_bad_port_is_the_default_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "corral.settings")
    monkeypatch.setenv("OLLAMA_HOST", '"1.2.3.4:99999"')
    assert load_settings().host.url == "http://1.2.3.4:11434"
    assert "invalid port, using default" in caplog.text


@pytest.mark.parametrize("content", ["{", "[]", '{"a": }', "\ufeff{}x"])
def test_a_broken_settings_file_is_one_clear_error(content: str) -> None:
    write_file(content)
    with pytest.raises(SettingsError, match=r"settings\.json"):
        load_settings()


def test_an_unknown_setting_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "corral.settings")
    write_file('{"max_que": 3, "max_queue": 4, "editor": null}')
    assert load_settings().max_queue == 4
    assert "max_que in" in caplog.text


def test_a_servers_environment_fits_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", "models")
    environment = child_environment(load_settings(), idle_exit="30m")
    assert environment["OLLAMA_MODELS"] == str(Path.cwd() / "models")
    assert environment["CORRAL_IDLE_EXIT"] == "30m"
    monkeypatch.setenv("CORRAL_IDLE_EXIT", "0")
    assert child_environment(load_settings(), idle_exit="30m")["CORRAL_IDLE_EXIT"] == "0"
