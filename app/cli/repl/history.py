"""What was typed in interactive sessions, one line per entry in a file shared with Ollama."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

MAX_ENTRIES = 100


class LineHistory(History):
    """The last entries of the file, and those of this session."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def load_history_strings(self) -> Iterable[str]:
        """Newest first, as prompt_toolkit asks. A missing file is an empty one."""
        return reversed(self._read())

    def store_string(self, string: str) -> None:
        """Add an entry to the file; its lines become entries of their own there.

        The file is replaced as a whole: a session that is killed leaves the old or the new one.
        """
        lines = [*self._read(), *(line for line in string.splitlines() if line.strip())]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix="history-", dir=self._path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines[-MAX_ENTRIES:])
        Path(temporary).replace(self._path)

    def _read(self) -> list[str]:
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line for line in text.split("\n") if line.strip()][-MAX_ENTRIES:]
