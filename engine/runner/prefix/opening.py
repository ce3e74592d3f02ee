"""From a `Load` command and what it loaded to the tiers of its prefix cache. Main thread."""

import importlib.metadata
from pathlib import Path

from engine import frames
from engine.runner.bindings import C
from engine.runner.llama import Context, Model
from engine.runner.prefix.disk import DiskSettings, DiskTier
from engine.runner.prefix.keys import hash_settings
from engine.runner.prefix.state_file import FORMAT_VERSION
from engine.runner.prefix.tiers import PrefixTiers
from engine.runner.sequence_state import SequenceStates

_ROPE_KEYS = (
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.yarn_log_multiplier",
)
_ORIGINAL_CONTEXT = "rope.scaling.original_context_length"


def open_tiers(command: frames.Load, model: Model, context: Context) -> PrefixTiers:
    """Close them before the context."""
    disk = None
    if command.cache_folder and command.cache_disk_bytes > 0 and command.model_digest:
        key = hash_settings(describe_settings(command, model))
        folder = Path(command.cache_folder)
        disk = DiskTier(DiskSettings(folder, command.cache_disk_bytes, key))
    return PrefixTiers(SequenceStates(context), command.cache_ram_bytes, disk)


def describe_settings(command: frames.Load, model: Model) -> dict[str, str]:
    """All that the state of a sequence depends on besides its tokens.

    The size of the context is not among them, but for models that choose their rotation by
    whether it is longer than what they were trained on.
    """
    settings = {
        "format": str(FORMAT_VERSION),
        "model": command.model_digest,
        "kv": command.kv_cache_type,
        "flash attention": str(command.flash_attention),
        "llama.cpp": _find_build(),
    }
    arch = model.metadata("general.architecture") or ""
    for name in _ROPE_KEYS:
        settings[name] = model.metadata(f"{arch}.{name}") or ""
    original = model.metadata(f"{arch}.{_ORIGINAL_CONTEXT}") or ""
    if original.isdecimal():
        cells = command.num_cells or command.num_ctx * command.num_parallel
        settings["long context"] = str(cells > int(original))
    return settings


def _find_build() -> str:
    """Bindings and library: a library pack may bring another build of the same version."""
    try:
        version = importlib.metadata.version("llama_cpp_python")
    except importlib.metadata.PackageNotFoundError:
        version = ""  # a frozen program may come without metadata
    library = Path(C._lib._name)
    size = library.stat().st_size if library.is_file() else 0
    return f"{version} {library.name} {size}"
