"""The settings of the program: defaults < settings file < environment < flags.

The only reader of the environment. Light: the command line loads it on every start.
"""

import json
import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from app import paths
from app.durations import DurationError, parse_duration
from app.hosts import Host, parse_host

FOREVER = math.inf
"""A duration without end."""

Origin = Literal["default", "file", "environment", "flag"]

_LOG = logging.getLogger("corral.settings")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")


class SettingsError(Exception):
    """The settings file cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Settings:
    """What the user chose (spec section 10). Durations in seconds; FOREVER where it never ends."""

    host: Host = field(default_factory=Host)
    models: Path = field(default_factory=paths.default_models_folder)
    keep_alive_s: float = 300.0
    load_timeout_s: float = 300.0
    max_loaded_models: int = 0
    """0: chosen by the scheduler."""
    num_parallel: int = 0
    """0: chosen by the scheduler."""
    max_queue: int = 512
    context_length: int = 0
    """0: chosen by the scheduler."""
    flash_attention: bool | None = None
    """None: where it helps."""
    kv_cache_type: str = "f16"
    noprune: bool = False
    nohistory: bool = False
    origins: tuple[str, ...] = ()
    debug: int = 0
    """0: informative log, 1: debug, 2: trace."""
    editor: str = ""
    go_template: bool | None = None
    cache_disk_bytes: int = 20 * 1024**3
    """Most that saved prefixes may take on disk (and never more than a tenth of what is free);
    0: none are saved."""
    cache_ram_bytes: int | None = None
    """Most host memory for the prefixes of one model; None: chosen by the scheduler."""
    idle_exit_s: float = FOREVER
    """A server that served nothing for so long exits."""
    sources: Mapping[str, Origin] = field(default_factory=dict)

    def origin(self, name: str) -> Origin:
        """Where the value of the field `name` comes from."""
        return self.sources.get(name, "default")


class _BadValueError(ValueError):
    """A text does not fit its setting."""


def _parse_bool(text: str) -> bool:
    return text not in _FALSE


def _parse_unsigned(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**64:
        raise _BadValueError(text)
    return int(text)


def _parse_seconds(text: str) -> float:
    """A duration, or whole seconds; negative: for ever."""
    try:
        seconds = parse_duration(text)
    except DurationError:
        try:
            seconds = float(int(text))
        except ValueError as exc:
            raise _BadValueError(text) from exc
    return FOREVER if seconds < 0 else seconds


def _parse_timeout(text: str) -> float:
    """As `_parse_seconds`, but no time at all means no limit."""
    return _parse_seconds(text) or FOREVER


def _parse_debug(text: str) -> int:
    if text in _TRUE:
        return 1
    try:
        return max(0, int(text))
    except ValueError:
        return 0


def _parse_address(text: str) -> Host:
    host, problem = parse_host(text)
    if problem:
        _LOG.warning("%s", problem)
    return host


def _parse_origins(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


# field of Settings -> (environment variable, parser of its text)
_FIELDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "host": ("OLLAMA_HOST", _parse_address),
    "models": ("OLLAMA_MODELS", lambda text: Path(text).expanduser()),
    "keep_alive_s": ("OLLAMA_KEEP_ALIVE", _parse_seconds),
    "load_timeout_s": ("OLLAMA_LOAD_TIMEOUT", _parse_timeout),
    "max_loaded_models": ("OLLAMA_MAX_LOADED_MODELS", _parse_unsigned),
    "num_parallel": ("OLLAMA_NUM_PARALLEL", _parse_unsigned),
    "max_queue": ("OLLAMA_MAX_QUEUE", _parse_unsigned),
    "context_length": ("OLLAMA_CONTEXT_LENGTH", _parse_unsigned),
    "flash_attention": ("OLLAMA_FLASH_ATTENTION", _parse_bool),
    "kv_cache_type": ("OLLAMA_KV_CACHE_TYPE", str),
    "noprune": ("OLLAMA_NOPRUNE", _parse_bool),
    "nohistory": ("OLLAMA_NOHISTORY", _parse_bool),
    "origins": ("OLLAMA_ORIGINS", _parse_origins),
    "debug": ("OLLAMA_DEBUG", _parse_debug),
    "editor": ("OLLAMA_EDITOR", str),
    "go_template": ("OLLAMA_GO_TEMPLATE", _parse_bool),
    "cache_disk_bytes": ("CORRAL_CACHE_DISK", _parse_unsigned),
    "cache_ram_bytes": ("CORRAL_CACHE_RAM", _parse_unsigned),
    "idle_exit_s": ("CORRAL_IDLE_EXIT", _parse_timeout),
}


def load_settings(flags: Mapping[str, str] | None = None) -> Settings:
    """Read all layers. `flags` maps names of fields to texts, as given on the command line.

    A value that does not fit is logged and the layer below counts; raises SettingsError only
    when the settings file as a whole cannot be read.
    """
    values: dict[str, Any] = {}
    sources: dict[str, Origin] = {}
    for origin, texts in _layers(flags or {}):
        for name, (variable, parse) in _FIELDS.items():
            text = _trim(texts.get(name, ""))
            if not text:
                continue
            try:
                values[name] = parse(text)
            except _BadValueError:
                kept = values.get(name, getattr(Settings(), name))
                label = f"key={variable} value={text} default={kept}"
                _LOG.warning("invalid environment variable, using default %s", label)
            else:
                sources[name] = origin
    return Settings(**values, sources=sources)


def child_environment(settings: Settings, idle_exit: str) -> dict[str, str]:
    """The environment of a server that we start: ours, fit for another working folder.

    `idle_exit` counts unless the user has set CORRAL_IDLE_EXIT somewhere.
    """
    environment = dict(os.environ)
    environment["OLLAMA_MODELS"] = str(settings.models.absolute())
    if settings.origin("idle_exit_s") == "default":
        environment["CORRAL_IDLE_EXIT"] = idle_exit
    return environment


def process_environment() -> dict[str, str]:
    """A copy of what this process inherited, for whoever decides what its children get."""
    return dict(os.environ)


def _layers(flags: Mapping[str, str]) -> list[tuple[Origin, Mapping[str, str]]]:
    environment = {name: os.environ.get(variable, "") for name, (variable, _) in _FIELDS.items()}
    return [
        ("file", _read_file(paths.settings_file())),
        ("environment", environment),
        ("flag", flags),
    ]


def _trim(text: str) -> str:
    """Without spaces, and without quotes that a shell or a unit file left in."""
    return text.strip().strip("\"'")


def _read_file(path: Path) -> dict[str, str]:
    """The settings file: a JSON object of field names, values as texts, numbers or booleans."""
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"the settings file {path} cannot be read: {exc}") from exc
    try:
        values = json.loads(content)
    except ValueError as exc:
        raise SettingsError(f"the settings file {path} is not valid JSON: {exc}") from exc
    if not isinstance(values, dict):
        raise SettingsError(f"the settings file {path} must hold one JSON object")
    texts = {}
    for name, value in values.items():
        if name not in _FIELDS:
            _LOG.warning("unknown setting %s in %s", name, path)
            continue
        texts[name] = _as_text(value)
    return texts


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)
