"""Processors of this machine. Any thread."""

import psutil  # type: ignore[import-untyped]


def count_physical_cores() -> int:
    """Cores without hyper-threads; at least 1, also where the system does not say."""
    return int(psutil.cpu_count(logical=False) or psutil.cpu_count(logical=True) or 1)
