"""Every file and folder the program uses. Nothing is created here; callers make what they need.

What Ollama shares lives under ~/.ollama; the rest where each system wants it (platformdirs).
"""

from pathlib import Path

import platformdirs

import resources

_NAME = "corral"


def ollama_folder() -> Path:
    """The folder that Ollama and its tools use too."""
    return Path.home() / ".ollama"


def default_models_folder() -> Path:
    """The model store unless OLLAMA_MODELS says otherwise."""
    return ollama_folder() / "models"


def history_file() -> Path:
    """What was typed in interactive sessions."""
    return ollama_folder() / "history"


def config_folder() -> Path:
    """Where the settings file lies."""
    return platformdirs.user_config_path(_NAME, appauthor=False)


def settings_file() -> Path:
    """Settings that the user keeps (app/settings.py reads it)."""
    return config_folder() / "settings.json"


def data_folder() -> Path:
    """What the desktop app keeps for the user."""
    return platformdirs.user_data_path(_NAME, appauthor=False)


def chats_database() -> Path:
    """The chats of the desktop app."""
    return data_folder() / "chats.sqlite3"


def cache_folder() -> Path:
    """What may be deleted at any time."""
    return platformdirs.user_cache_path(_NAME, appauthor=False)


def prefix_cache_folder() -> Path:
    """Evaluated prefixes that runners find again after a restart."""
    return cache_folder() / "prefix"


def state_folder() -> Path:
    """What describes this run of the program: process ids, window places."""
    return platformdirs.user_state_path(_NAME, appauthor=False)


def log_folder() -> Path:
    """Log files."""
    return platformdirs.user_log_path(_NAME, appauthor=False)


def server_log_file() -> Path:
    """The log of servers that run in the background."""
    return log_folder() / "server.log"


def desktop_log_file() -> Path:
    """The log of the desktop app."""
    return log_folder() / "desktop.log"


def server_pid_file(port: int) -> Path:
    """The process id of the `corral serve` that listens on a port, while it runs."""
    return state_folder() / f"server-{port}.pid"


def bundled_models() -> dict[str, Path]:
    """Models that come with the program, by name."""
    package = Path(resources.__file__).parent
    return {"tiny": package / "models" / "tiny.gguf"}
