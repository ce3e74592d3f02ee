"""A turning sign behind a message on standard error, for as long as something is awaited."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
FRAME_S = 0.1
_CLEAR_LINE = "\r\x1b[K"
_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def spinner(message: str = "") -> Iterator[None]:
    """Show the spinner during the block, on a terminal only, and leave nothing behind."""
    if not sys.stderr.isatty():
        yield
        return
    stopped = threading.Event()
    label = f"{message} " if message else ""

    def turn() -> None:
        frame = 0
        while not stopped.wait(FRAME_S):
            sys.stderr.write(f"{_HIDE_CURSOR}\r{label}{FRAMES[frame % len(FRAMES)]}\x1b[K")
            sys.stderr.flush()
            frame += 1

    thread = threading.Thread(target=turn, name="spinner", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        sys.stderr.write(f"{_CLEAR_LINE}{_SHOW_CURSOR}")
        sys.stderr.flush()
