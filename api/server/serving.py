"""Puts the application on a socket: in a thread of the desktop app, or as `corral serve`.

The socket is bound by the caller, before any thread starts, so that a port in use is an
exception where somebody can tell the user.
"""

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.server.body import MAX_HEAD_BYTES
from api.server.connection import ConnectionLimits, LimitedConnection

logger = logging.getLogger(__name__)

BACKLOG = 2048
KEEP_ALIVE_S = 75
GRACE_S = 5
"""How long connections may take to end once their streams are cancelled."""
START_DEADLINE_S = 30.0
STOP_DEADLINE_S = 15.0
_DEFAULT_LIMITS = ConnectionLimits()

_GO_TEXTS = {
    errno.EADDRINUSE: "address already in use",
    errno.EACCES: "permission denied",
    errno.EADDRNOTAVAIL: "cannot assign requested address",
}


class BindError(OSError):
    """The server cannot listen there. `str(error)` is Ollama's text for it."""


class AddressInUseError(BindError):
    """Somebody else listens on that address."""


class ServerStartError(Exception):
    """The server's thread ended, or did not answer in time, before it served."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. `host` "" is every interface; port 0 is any free port.

    Raises AddressInUseError or another BindError.
    """
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return _listen(host, port)
    except OSError as exc:
        text = _GO_TEXTS.get(exc.errno or 0, (exc.strerror or str(exc)).lower())
        kind = AddressInUseError if exc.errno == errno.EADDRINUSE else BindError
        raise kind(f"listen tcp {shown}: bind: {text}") from exc


def _listen(host: str, port: int) -> socket.socket:
    if not host and socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG
        )
    found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        elif os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two sockets may be bound to one address as long as neither listens: only this settles
        # whose it is.
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """uvicorn that cancels streams when it stops, and leaves the exit status to the caller."""

    def __init__(self, app: FastAPI, limits: ConnectionLimits) -> None:
        super().__init__(_config(app, limits))
        self._activity = app.state.activity
        self.serves = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.serves.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._activity.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after a clean shutdown, which would turn Ctrl+C into a
        # traceback and SIGTERM into a death by signal.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = [signal.SIGINT, signal.SIGTERM]
        if sys.platform == "win32":
            signals.append(signal.SIGBREAK)
        previous = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def _config(app: FastAPI, limits: ConnectionLimits) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    config.load()
    base = config.http_protocol_class
    config.http_protocol_class = type(
        "LimitedProtocol", (LimitedConnection, base), {"limits": limits}
    )
    return config


def run_server(
    app: FastAPI, listener: socket.socket, limits: ConnectionLimits = _DEFAULT_LIMITS
) -> None:
    """Serve until SIGINT or SIGTERM; a second SIGINT does not wait. Main thread.

    Closes `listener`. Returns after the engine of `app` is closed.
    """
    _Server(app, limits).run(sockets=[listener])


class ServerThread:
    """A server in a thread of its own. `listener` comes from `bind` and is closed by it."""

    def __init__(
        self, app: FastAPI, listener: socket.socket, limits: ConnectionLimits = _DEFAULT_LIMITS
    ) -> None:
        self._server = _Server(app, limits)
        self._listener = listener
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive()

    def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Returns once requests are answered. Raises ServerStartError."""
        self._thread.start()
        deadline = time.monotonic() + deadline_s
        while not self._server.serves.wait(0.05):
            if not self._thread.is_alive():
                raise ServerStartError("the server ended while it started") from self._error
            if time.monotonic() > deadline:
                self._server.should_exit = True
                raise ServerStartError(f"the server did not start within {deadline_s:g} s")

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> bool:
        """Cancel streams, close the engine, join. False if the thread would not end in time."""
        self._server.should_exit = True
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except (Exception, SystemExit) as exc:  # thread entry: start() reports it
            self._error = exc
            logger.exception("the server thread ended")
        finally:
            self._listener.close()
