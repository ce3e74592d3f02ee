"""Frames in and out: the two pipes to the parent, and the thread that reads one of them."""

import logging
import os
import sys
import threading
import time

from engine import frames
from engine.runner.cancellation import Cancellation
from engine.runner.inbox import Inbox

logger = logging.getLogger(__name__)

_READ_BYTES = 1 << 16


class Pipes:
    """Private copies of standard input and output.

    Afterwards descriptor 0 reads nothing and descriptor 1 is standard error, so that whatever a
    library prints can't get between the frames.
    """

    def __init__(self) -> None:
        self._input = os.dup(0)
        self._output = os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.dup2(2, 1)
        os.close(null)
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(self._input, os.O_BINARY)
            msvcrt.setmode(self._output, os.O_BINARY)

    def read(self) -> bytes:
        """Blocks; empty at the end."""
        try:
            return os.read(self._input, _READ_BYTES)
        except ConnectionError:
            return b""  # Windows: how a broken pipe reads

    def send(self, reports: list[frames.Frame]) -> None:
        """Blocks until written. Raises BrokenPipeError if the parent is gone."""
        data = memoryview(frames.encode(*reports))
        while data:
            data = data[os.write(self._output, data) :]


class Reader(threading.Thread):
    """Feeds the inbox; tells the cancellation at once; ends the process if the loop can't."""

    GRACE_S = 3.0
    """How long the engine loop may take to notice that the process should end, and to save what
    is worth it."""

    def __init__(self, pipes: Pipes, inbox: Inbox, cancellation: Cancellation) -> None:
        super().__init__(name="frames-in", daemon=True)
        self._pipes = pipes
        self._inbox = inbox
        self._cancellation = cancellation

    def run(self) -> None:
        splitter = frames.FrameSplitter()
        try:
            while data := self._pipes.read():
                for body in splitter.feed(data):
                    self._dispatch(frames.decode_command(body))
        except frames.FrameError as exc:
            logger.error("standard input: %s", exc)  # noqa: TRY400  the bytes say nothing more
        self._cancellation.stop()
        self._inbox.put((frames.Shutdown(), time.monotonic_ns()))
        # A load or a decode on a GPU can't be interrupted, and nobody waits for it any more.
        time.sleep(self.GRACE_S)
        os._exit(0)

    def _dispatch(self, command: frames.Command) -> None:
        match command:
            case frames.Cancel():
                self._inbox.put((command, time.monotonic_ns()))
                self._cancellation.cancel(command.request_id)
            case frames.Shutdown():
                self._inbox.put((command, time.monotonic_ns()))
                self._cancellation.stop()
            case _:
                self._inbox.put((command, time.monotonic_ns()))
