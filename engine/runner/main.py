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
    """How long ggml's threads spin at a barrier before they sleep (libgomp's unit: iterations).

    A token has hundreds of barriers a few microseconds apart: sleeping at each would cost more
    than the work between them. But a thread that spins for long because its partner lost the CPU
    keeps that CPU from the others, and from its partner. Two cores, 100M parameters, tokens/s:
    idle 450 from 2,000 iterations on and 380 with 1,000; on a busy machine 60 with 2,000 and 3
    with 20,000 or libgomp's default.
    """
    os.putenv("GOMP_SPINCOUNT", "2000")
