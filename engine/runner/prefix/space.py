"""How much disk the saved states may take, and which go first. Any thread.

All models of a user share one folder and one limit; other processes write and delete there too.
"""

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from engine.runner.prefix.state_file import SUFFIX, TEMPORARY_SUFFIX

FREE_SHARE = 0.1
"""Of the free space (what the states take counted as free) that states may take."""
MAX_UNLINKS = 32
"""Files deleted for one that is written, so that a write stays short."""
_ABANDONED_S = 600.0
"""A temporary file that nobody has written to for so long belongs to a process that is gone."""


@dataclass(frozen=True)
class _File:
    path: Path
    size_bytes: int
    modified_ns: int


def limit_bytes(folder: Path, max_bytes: int, used_bytes: int) -> int:
    """How much all states together may take at this moment. Raises OSError."""
    free = shutil.disk_usage(folder).free
    return min(max_bytes, int(FREE_SHARE * (free + used_bytes)))


def make_room(root: Path, size_bytes: int, max_bytes: int) -> bool:
    """Delete the least recently used states until one of that size may be added.

    False: it may not. Raises OSError if the folder cannot be read.
    """
    files = _list_states(root)
    used = sum(file.size_bytes for file in files)
    limit = limit_bytes(root, max_bytes, used)
    if size_bytes > limit:
        return False
    files.sort(key=lambda file: file.modified_ns)
    for file in files[:MAX_UNLINKS]:
        if used + size_bytes <= limit:
            break
        file.path.unlink(missing_ok=True)
        used -= file.size_bytes
    return used + size_bytes <= limit


def _list_states(root: Path) -> list[_File]:
    """All states of all models; deletes what broken-off writes left behind."""
    files: list[_File] = []
    for folder in _entries(root):
        if not folder.is_dir(follow_symlinks=False):
            continue
        for entry in _entries(Path(folder.path)):
            status = _stat(entry)
            if status is None:
                continue
            if entry.name.endswith(SUFFIX):
                files.append(_File(Path(entry.path), status.st_size, status.st_mtime_ns))
            elif (
                entry.name.endswith(TEMPORARY_SUFFIX)
                and time.time() - status.st_mtime > _ABANDONED_S
            ):
                Path(entry.path).unlink(missing_ok=True)
    return files


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []  # another process has just removed it


def _stat(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
