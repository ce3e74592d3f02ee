"""Progress of long work on standard error: spinners and bars; plain lines off a terminal."""

import shutil
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from app.cli.format import human_bytes
from app.cli.spinner import FRAME_S, FRAMES
from app.durations import format_duration

_BEGIN = "\x1b[?2026h\x1b[?25l"
"""Synchronised output on, cursor off."""
_END = "\x1b[?25h\x1b[?2026l"
_RATE_BUCKETS = 10
_NS_PER_S = 1_000_000_000
_MIN_BAR = 8


@dataclass
class Line:
    """One message and how far its work is. `total` 0: unknown, a spinner is shown."""

    message: str
    note: str = ""
    """Follows the message on a terminal."""
    completed: int = 0
    total: int = 0
    finished: bool = False
    samples: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=_RATE_BUCKETS))

    def advance(self, completed: int, total: int, now_s: float) -> None:
        """Note how far it is; the rate counts over the last ten seconds."""
        self.completed, self.total = completed, total
        if not self.samples or now_s - self.samples[-1][0] >= 1:
            self.samples.append((now_s, completed))

    def rate(self, now_s: float) -> float:
        """Bytes per second lately; 0 until there is something to go by."""
        if not self.samples:
            return 0.0
        since_s, completed = self.samples[0]
        return (self.completed - completed) / (now_s - since_s) if now_s > since_s else 0.0


def format_line(line: Line, columns: int, now_s: float, frame: int) -> str:
    """The line as it looks at this moment."""
    if line.total <= 0:
        text = f"{line.message} {line.note}" if line.note else line.message
        return text if line.finished else f"{text} {FRAMES[frame % len(FRAMES)]}"
    share = min(line.completed / line.total, 1.0)
    before = f"{line.message} {share * 100:3.0f}% "
    after = f" {_amounts(line, now_s)}"
    width = max(columns - len(before) - len(after) - 2, _MIN_BAR)
    filled = int(share * width)
    return f"{before}▕{'█' * filled}{' ' * (width - filled)}▏{after}"


def _amounts(line: Line, now_s: float) -> str:
    if line.completed >= line.total:
        return f"{human_bytes(line.total):>6}"
    amounts = f"{human_bytes(line.completed):>6}/{human_bytes(line.total):>6}"
    rate = line.rate(now_s)
    if rate <= 0:
        return amounts
    eta = format_eta((line.total - line.completed) / rate)
    return f"{amounts}  {human_bytes(int(rate)):>6}/s {eta}"


def format_eta(seconds: float) -> str:
    """Time left: "99h+", "1h5m", "4m3s"."""
    if seconds >= 100 * 3600:
        return "99h+"
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return format_duration(whole * _NS_PER_S)


class Progress:
    """A block of lines, drawn again and again by a thread of its own on a terminal.

    Off a terminal each message is printed once. Use as a context manager; other output on the
    terminal during the block would be overwritten.
    """

    def __init__(self) -> None:
        self._draws = sys.stderr.isatty()
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._drawn = 0
        self._frame = 0
        self._thread = threading.Thread(target=self._keep_drawing, name="progress", daemon=True)

    def __enter__(self) -> "Progress":
        if self._draws:
            self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._draws:
            self._stopped.set()
            self._thread.join()
            with self._lock:
                for line in self._lines.values():
                    line.finished = True
            self._draw()

    def show(
        self, message: str, *, note: str = "", key: str = "", completed: int = 0, total: int = 0
    ) -> None:
        """Show or update the line of `key` (the message, if empty); earlier ones are done."""
        with self._lock:
            line = self._lines.get(key or message)
            if line is None:
                for earlier in self._lines.values():
                    earlier.finished = True
                line = self._lines[key or message] = Line(message)
                if not self._draws:
                    print(message, file=sys.stderr, flush=True)
            line.message, line.note = message, note
            line.advance(completed, total, time.monotonic())

    def _keep_drawing(self) -> None:
        while not self._stopped.wait(FRAME_S):
            self._draw()

    def _draw(self) -> None:
        columns, rows = shutil.get_terminal_size()
        now_s = time.monotonic()
        with self._lock:
            # What has scrolled off the top cannot be drawn again.
            lines = list(self._lines.values())[-(rows - 1) :]
            texts = [format_line(line, columns, now_s, self._frame)[:columns] for line in lines]
        self._frame += 1
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        body = "".join(f"\x1b[K{text}\n" for text in texts)
        sys.stderr.write(f"{_BEGIN}{up}\r{body}{_END}")
        sys.stderr.flush()
        self._drawn = len(texts)
