"""A real server with the bundled model on a free loopback port, for tests of the HTTP border."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from api.server.application import ServerSettings, create_app
from api.server.serving import ServerThread, bind
from engine.engine import Engine
from engine.frames import Status
from engine.library.library import Library
from engine.options import merge_options
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.conftest import ROOT, TINY_MODEL

T = TypeVar("T")
DEADLINE_S = 20.0


class LiveServer:
    """The server, its engine, and ways to look at both from a test."""

    def __init__(
        self, root: Path, num_parallel: int = 4, models: Mapping[str, Path] | None = None
    ) -> None:
        """`models`: weights files of further models, by name."""
        self.root = root
        self.library = Library(root, bundled={"tiny": TINY_MODEL, **(models or {})})
        settings = SchedulerSettings(
            runner_command=(sys.executable, "-m", "app.runner"),
            runner_environment={"PYTHONPATH": str(ROOT)},
            num_parallel=num_parallel,
        )
        self.engine = Engine(self.library, Scheduler(settings))
        listener = bind("127.0.0.1", 0)
        self.port = int(listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.app = create_app(
            self.engine, ServerSettings("0.33.0", "0.1.0", "127.0.0.1", self.port)
        )
        self.thread = ServerThread(self.app, listener)
        self.client = httpx2.Client(base_url=self.url, timeout=60, trust_env=False)

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """`await work()` in the server's event loop."""
        loop = self.app.state.loop
        return asyncio.run_coroutine_threadsafe(work(), loop).result(DEADLINE_S)

    def status(self, model_name: str = "tiny") -> Status:
        """What the model's runner says about its slots. Loads the model if need be."""

        async def ask() -> Status:
            model = await asyncio.to_thread(self.library.get, model_name)
            options = merge_options(model.parameters)
            async with self.engine.scheduler.lease(model, options, None) as lease:
                return await lease.status()

        return self.run(ask)

    def stop(self) -> None:
        """Stop, and insist that the thread and every runner are gone."""
        self.client.close()
        assert self.thread.stop()
        assert self.engine.scheduler.loaded() == []


@contextmanager
def live_server(
    root: Path, num_parallel: int = 4, models: Mapping[str, Path] | None = None
) -> Iterator[LiveServer]:
    """A started server, stopped at the end."""
    server = LiveServer(root, num_parallel, models)
    server.thread.start()
    try:
        yield server
    finally:
        server.stop()


def wait_until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Returns once `condition()` is true; fails the test after the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
