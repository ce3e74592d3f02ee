"""How busy other processes keep the processors that we may use. Engine-loop thread only."""

import os
import time

import psutil  # type: ignore[import-untyped]

_IDLE = ("idle", "iowait")
_COUNTED_TWICE = ("guest", "guest_nice")


class MachineLoad:
    """Differences between readings; the kernel counts in hundredths of a second."""

    def __init__(self) -> None:
        self._cores = (
            frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()
        )
        self._read()

    def _read(self) -> None:
        self._at = time.monotonic()
        self._busy_s = self._busy()
        self._own_s = time.process_time()

    def _busy(self) -> float:
        """Time that a hypervisor took away counts too: it is just as lost to us."""
        total = 0.0
        for core, times in enumerate(psutil.cpu_times(percpu=True)):
            if not self._cores or core in self._cores:
                fields = times._asdict()
                for name in (*_IDLE, *_COUNTED_TWICE):
                    fields.pop(name, None)
                total += sum(fields.values())
        return total

    @property
    def age_s(self) -> float:
        """Seconds since the last reading."""
        return time.monotonic() - self._at

    def measure(self) -> float:
        """How many processors' worth of time others used since the last reading."""
        at, busy_s, own_s = self._at, self._busy_s, self._own_s
        self._read()
        passed = max(self._at - at, 1e-3)
        return max(0.0, (self._busy_s - busy_s) - (self._own_s - own_s)) / passed
