"""Where the desktop app writes its log, and what happens to exceptions nobody caught."""

import logging
import logging.handlers
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

logger = logging.getLogger("corral.desktop")

MAX_BYTES = 5 * 1024 * 1024
NUM_KEPT = 5


def set_up_log(path: Path, *, debug: bool) -> None:
    """Log to a file that rotates by size, and to the terminal where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handlers: list[logging.Handler] = [
        logging.handlers.RotatingFileHandler(
            path, maxBytes=MAX_BYTES, backupCount=NUM_KEPT, encoding="utf-8", delay=True
        )
    ]
    if sys.stderr is not None:  # the windowed program of Windows has none
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=handlers,
    )
    for noisy in ("httpx2", "httpcore2", "markdown_it"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def show_uncaught(show: Callable[[str], None]) -> None:
    """From now on an exception nobody caught is logged, and told by `show` if on the UI thread."""

    def on_exception(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        logger.error("uncaught exception", exc_info=(kind, error, trace))
        if threading.current_thread() is threading.main_thread():
            show(f"something went wrong ({kind.__name__}: {error}); the log has the details")

    def on_thread_exception(args: threading.ExceptHookArgs) -> None:
        logger.error("uncaught exception in %s", args.thread, exc_info=args.exc_value)

    sys.excepthook = on_exception
    threading.excepthook = on_thread_exception
