from pathlib import Path

from app import paths


def test_everything_of_the_users_is_below_his_home(isolated_home: Path) -> None:
    own = [
        paths.default_models_folder(),
        paths.history_file(),
        paths.settings_file(),
        paths.chats_database(),
        paths.prefix_cache_folder(),
        paths.server_log_file(),
        paths.desktop_log_file(),
        paths.server_pid_file(11434),
    ]
    assert [path for path in own if isolated_home not in path.parents] == []
    assert len(set(own)) == len(own)


def test_asking_creates_nothing(isolated_home: Path) -> None:
    before = sorted(isolated_home.rglob("*"))
    paths.settings_file()
    paths.server_pid_file(1)
    assert sorted(isolated_home.rglob("*")) == before


def test_what_ollama_shares_is_where_ollama_has_it(isolated_home: Path) -> None:
    assert paths.default_models_folder() == isolated_home / ".ollama" / "models"
    assert paths.history_file() == isolated_home / ".ollama" / "history"


def test_the_bundled_model_is_a_gguf_file() -> None:
    assert paths.bundled_models()["tiny"].read_bytes()[:4] == b"GGUF"
