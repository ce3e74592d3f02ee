"""Main memory of this machine, as it is at the moment of asking. Any thread."""

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]


@dataclass(frozen=True)
class SystemMemory:
    """A snapshot of the machine's main memory."""

    total_bytes: int
    available_bytes: int
    """What can be allocated without swapping; file caches count as available."""


def read_memory() -> SystemMemory:
    """Ask the operating system now (microseconds)."""
    memory = psutil.virtual_memory()
    return SystemMemory(int(memory.total), int(memory.available))
