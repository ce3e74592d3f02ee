"""Which number of threads suits a model on this machine, tried out when it is loaded. Main
thread."""

import time

from engine.runner.llama import Batch, Context
from engine.runner.machine_load import MachineLoad
from engine.runner.threads import ThreadSettings

_SLOW_STEP_S = 0.05
"""A model this large uses all processors it can get, and trying would take too long."""
_ROUNDS = 3
_TIE = 1.03
_BUSY = 0.4
"""Processors in use by others, above which the trial would say nothing."""


def calibrate_threads(context: Context, cores: int) -> ThreadSettings:
    """Takes at most 0.3 s; leaves the context empty."""
    everything = ThreadSettings(cores=cores, decode=cores, prefill=cores)
    if cores < 2:
        return everything
    load = MachineLoad()
    started = time.monotonic()
    if _time_step(context, cores) > _SLOW_STEP_S:
        context.clear()
        return everything
    best = {count: _time_steps(context, count) for count in sorted({1, cores // 2, cores})}
    context.clear()
    if time.monotonic() - started > 0.02 and load.measure() > _BUSY:
        return everything
    limit = min(best.values()) * _TIE
    decode = min(count for count, seconds in best.items() if seconds <= limit)
    # A prompt is bound by arithmetic, not by memory: it can use them all.
    return ThreadSettings(cores=cores, decode=decode, prefill=cores)


def _time_steps(context: Context, count: int) -> float:
    """The best of a few: disturbances only ever make a step slower."""
    _time_step(context, count)
    return min(_time_step(context, count) for _ in range(_ROUNDS))


def _time_step(context: Context, count: int) -> float:
    context.clear()
    context.set_threads(count, count)
    batch = Batch(1, 1)
    batch.add(0, 0, 0)
    started = time.perf_counter()
    context.decode(batch)
    return time.perf_counter() - started
