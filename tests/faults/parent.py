"""A program with a scheduler whose real runner answers without end; to be killed.

Prints the runner's process id at each chunk. Argument: the folder of its (empty) library.
"""

import asyncio
import sys
from pathlib import Path

from engine.frames import Generate
from engine.library.library import Library
from engine.options import Options
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.conftest import TINY_MODEL


async def main() -> None:
    model = Library(Path(sys.argv[1]), bundled={"tiny": TINY_MODEL}).get("tiny")
    scheduler = Scheduler(SchedulerSettings((sys.executable, "-m", "app.runner")))
    async with scheduler.lease(model, Options(), None) as lease:
        async for _ in lease.generate(Generate(0, "Once", num_predict=100_000)):
            sys.stdout.write(f"{scheduler.loaded()[0].pid}\n")
            sys.stdout.flush()


asyncio.run(main())
