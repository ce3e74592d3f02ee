"""The smallest application that `ServerThread` serves, for tests of single parts of the border."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from fastapi import FastAPI

from api.server.activity import Activity, ActivityMiddleware
from api.server.connection import ConnectionLimits
from api.server.figures import Figures
from api.server.observation import Observer
from api.server.request_log import RequestLog
from api.server.serving import ServerThread, bind


def small_app() -> FastAPI:
    """No routes; requests are counted and failures answered as in the real one."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.activity = Activity()
    observer = Observer(Figures(), RequestLog())
    app.add_middleware(ActivityMiddleware, activity=app.state.activity, observer=observer)
    return app


@contextmanager
def served(
    app: FastAPI, limits: ConnectionLimits | None = None
) -> Iterator[tuple[ServerThread, httpx2.Client]]:
    """`app` on a free port, and a client for it."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    thread = ServerThread(app, listener, limits or ConnectionLimits())
    thread.start()
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=20, trust_env=False
        ) as client:
            yield thread, client
    finally:
        assert thread.stop()
