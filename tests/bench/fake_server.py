"""The real server over the fake runner: `python -m tests.bench.fake_server [runner arguments]`.

Prints its port on the first line. What it costs is the API layer, the engine's bookkeeping and
the scheduler's pipes; nothing computes.
"""

import sys
import tempfile
from pathlib import Path

from api.server.application import ServerSettings, create_app
from api.server.serving import bind, run_server
from engine.engine import Engine
from engine.library.library import Library
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.conftest import ROOT, TINY_MODEL


def main(runner_arguments: list[str]) -> None:
    """Serve the bundled model's name until interrupted."""
    fake = ROOT / "tests" / "faults" / "fake_runner.py"
    settings = SchedulerSettings(
        (sys.executable, str(fake), *runner_arguments), {"PYTHONPATH": str(ROOT)}
    )
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Path(folder), bundled={"tiny": TINY_MODEL})
        engine = Engine(library, Scheduler(settings))
        listener = bind("127.0.0.1", 0)
        port = int(listener.getsockname()[1])
        print(port, flush=True)
        run_server(create_app(engine, ServerSettings("0", "0", "127.0.0.1", port)), listener)


if __name__ == "__main__":
    main(sys.argv[1:])
