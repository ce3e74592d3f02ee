"""What a runner wrote to its standard error, and the sentence about its end. Event-loop thread."""

import logging
import re
import signal
from collections import deque

logger = logging.getLogger(__name__)

MAX_LINES = 200
MAX_LINE_CHARS = 8192
_RECENT_LINES = 20
_REASON = re.compile(r"error|fail|abort|assert|exception|fatal|terminat|out of memory|cannot", re.I)


class StderrTail:
    """The last lines of one runner; each also goes to the log at debug level."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._rest = b""

    def feed(self, data: bytes, pid: int) -> None:
        """Take in bytes, whatever the sizes of the reads."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_CHARS:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._add(line, pid)

    def close(self, pid: int) -> None:
        """The stream has ended: an unfinished line counts too."""
        if self._rest:
            self._add(self._rest, pid)
            self._rest = b""

    def find_reason(self) -> str:
        """The last recent line that looks like the reason of a failure, or an empty text."""
        recent = list(self._lines)[-_RECENT_LINES:]
        return next((line for line in reversed(recent) if _REASON.search(line)), "")

    def _add(self, raw: bytes, pid: int) -> None:
        line = raw[:MAX_LINE_CHARS].decode(errors="replace").strip()
        if line:
            self._lines.append(line)
            logger.debug("runner %d: %s", pid, line)


def describe_exit(status: int | None) -> str:
    """A process's exit status in words: negative is a signal's number, None unknown."""
    if status is None:
        return "not responding"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
