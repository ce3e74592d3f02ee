"""Notices runners that hang. One task per runner, on the event loop.

A process that stopped (or loops inside a driver) neither exits nor closes its pipes. So a runner
that owes answers and is silent is asked for a sign of life, and killed when none comes; its
requests then end like those of any runner that died.
"""

import asyncio

from engine.scheduler.runner_process import RunnerProcess

_CHECKS_PER_TIMEOUT = 4


async def watch(process: RunnerProcess, silence_timeout_s: float) -> None:
    """Runs until cancelled, or until the process has been killed."""
    loop = asyncio.get_running_loop()
    interval_s = silence_timeout_s / _CHECKS_PER_TIMEOUT
    owed_since: float | None = None
    while process.is_alive:
        await asyncio.sleep(interval_s)
        if not process.owes_answers:
            owed_since = None
            continue
        owed_since = owed_since or loop.time()
        silent_s = loop.time() - max(process.last_sign, owed_since)
        if silent_s >= silence_timeout_s:
            process.kill(f"it did not respond for {silence_timeout_s:g} s")
        elif silent_s >= interval_s / 2:
            process.ping()
