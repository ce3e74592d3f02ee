"""What the settings dialog shows and changes. Pure."""

from dataclasses import dataclass

CONTEXT_LENGTHS = (0, 4096, 8192, 16384, 32768, 65536, 131072, 262144)
"""Stops of the slider; 0 is automatic."""
KEEP_ALIVES_S = (0.0, 300.0, 1800.0, 3600.0, 14400.0, float("inf"))


@dataclass(frozen=True)
class Preference:
    """A value; `locked_by` names the environment variable that decides it, if one does."""

    value: float
    locked_by: str = ""


@dataclass(frozen=True)
class Preferences:
    """All of them. The last two are for information."""

    context_length: Preference
    keep_alive_s: Preference
    models_folder: str
    address: str


def context_text(length: int) -> str:
    """A context length as people say it."""
    if length == 0:
        return "Automatic"
    return f"{length // 1024}k tokens" if length % 1024 == 0 else f"{length} tokens"


def keep_alive_text(seconds: float) -> str:
    """How long a model stays in memory after its last answer."""
    if seconds == float("inf"):
        return "Until Corral quits"
    if seconds == 0:
        return "Not at all"
    if seconds % 3600 == 0:
        return f"{seconds / 3600:.0f} hour{'s' if seconds > 3600 else ''}"
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.0f} seconds"
