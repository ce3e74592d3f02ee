"""Entry of the runner process: its parent, its pipes, its environment. Main thread.

Exit status: 0 after `Shutdown` or when the parent is gone, 1 after `LoadFailed`, 2 when the
first command is not `Load`.
"""

import logging
import os
import sys

from engine.runner.parent import die_with_parent, ignore_interrupts
from engine.runner.pipes import Pipes


def serve() -> int:
    """Serve one model over standard input and output. Returns the exit status."""
    ignore_interrupts()
    if not die_with_parent():
        return 0
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    pipes = Pipes()
    _choose_spin_policy()
    # Only now: loading llama.cpp loads libgomp, which reads its settings at that moment.
    from engine.runner.service import run_service

    try:
        return run_service(pipes)
    except BrokenPipeError:
        return 0  # the parent is gone


def _choose_spin_policy() -> None:
    """How long ggml's threads spin at a barrier before they sleep.

    A token has hundreds of barriers a few microseconds apart: sleeping at each would double its
    time. But a thread that spins for milliseconds because its partner lost the CPU takes that
    CPU from others, and with it from its partner.
    """
    os.putenv("GOMP_SPINCOUNT", "20000")
