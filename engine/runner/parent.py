"""Ties the runner's life to its parent's. Called from the main thread at start."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> bool:
    """Ask the kernel to kill this process when its parent dies. False: it already has.

    Linux only; the end of standard input says the same everywhere, a little later. The kernel
    watches the parent's *thread* that started us: it must live as long as the runner shall.
    """
    if sys.platform != "linux":
        return True
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    return os.getppid() == parent


def ignore_interrupts() -> None:
    """Ctrl+C in a terminal reaches the whole process group; the server decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        signal.signal(signal.SIGBREAK, signal.SIG_IGN)
