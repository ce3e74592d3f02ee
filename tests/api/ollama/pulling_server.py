"""A server that may pull from registries on this machine, and knows a test's account server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2

from api.server.application import ServerSettings, create_app
from api.server.serving import ServerThread, bind
from engine.engine import Engine
from engine.identity.key import Identity
from engine.library.library import Library
from engine.registry.account import Account
from engine.registry.pull import Puller
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.conftest import ROOT
from tests.engine.registry.conftest import IMPATIENT


@dataclass(frozen=True)
class PullingServer:
    """The running server and a client of it."""

    library: Library
    identity: Identity
    client: httpx2.Client
    port: int


@contextmanager
def pulling_server(root: Path, account_url: str) -> Iterator[PullingServer]:
    """Starts one; stops it at the end."""
    library, identity = Library(root / "models"), Identity(root / "ollama")
    settings = replace(IMPATIENT, account_url=account_url)
    runner = SchedulerSettings(
        runner_command=(sys.executable, "-m", "app.runner"),
        runner_environment={"PYTHONPATH": str(ROOT)},
    )
    listener = bind("127.0.0.1", 0)
    port = int(listener.getsockname()[1])
    app = create_app(
        Engine(library, Scheduler(runner)),
        ServerSettings("0.33.0", "0.1.0", "127.0.0.1", port),
        puller=Puller(library, identity, settings),
        account=Account(identity, "laptop", settings),
    )
    thread = ServerThread(app, listener)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield PullingServer(library, identity, client, port)
    finally:
        assert thread.stop()
