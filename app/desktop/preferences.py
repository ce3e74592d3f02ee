"""The settings that the window can change, written to the settings file one at a time."""

import json
import math
import os
from pathlib import Path
from typing import Any

from app.settings import Settings, SettingsError
from ui.preferences import Preference, Preferences

_VARIABLES = {"context_length": "OLLAMA_CONTEXT_LENGTH", "keep_alive_s": "OLLAMA_KEEP_ALIVE"}


def preferences_of(settings: Settings) -> Preferences:
    """What the settings dialog shows."""
    return Preferences(
        context_length=Preference(settings.context_length, _lock(settings, "context_length")),
        keep_alive_s=Preference(settings.keep_alive_s, _lock(settings, "keep_alive_s")),
        models_folder=str(settings.models),
        address=settings.host.url,
    )


def save_preferences(path: Path, changed: dict[str, float]) -> None:
    """Write these fields into the settings file; all others stay as they are.

    A value of 0 for the context length goes back to the default. Raises SettingsError.
    """
    values = _read(path)
    for name, value in changed.items():
        if name == "context_length" and value == 0:
            values.pop(name, None)
        else:
            values[name] = -1 if math.isinf(value) else int(value)
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with partial.open("w", encoding="utf-8") as file:
            json.dump(values, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as exc:
        raise SettingsError(f"the settings file {path} cannot be written: {exc}") from exc


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise SettingsError(f"the settings file {path} cannot be read: {exc}") from exc
    if not isinstance(values, dict):
        raise SettingsError(f"the settings file {path} must hold one JSON object")
    return values


def _lock(settings: Settings, name: str) -> str:
    """Why the field cannot be changed here, or ""."""
    return _VARIABLES[name] if settings.origin(name) == "environment" else ""
