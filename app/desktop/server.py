"""The server that the window talks to: our own in a thread, or a healthy one that is there.

One control thread starts, watches and stops it, so that neither the window nor the importing of
the web framework ever waits for the other. A foreign server is used and never touched.
"""

import logging
import queue
import threading
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from app.desktop.probe import find_server
from app.settings import Settings, SettingsError, load_settings
from ui.server_state import ServerPhase, ServerState

logger = logging.getLogger(__name__)

CHECK_INTERVAL_S = 5.0
STOP_DEADLINE_S = 20.0


class ServerUnavailableError(Exception):
    """No server can be used at the address; the message is for the user."""


@dataclass(frozen=True)
class _Start:
    """Find or start a server, after stopping our own if it runs."""


@dataclass(frozen=True)
class _Stop:
    """End of the program."""


class LocalServer(QObject):
    """changed(ServerState): emitted from the control thread, so connect it to bound slots."""

    changed = Signal(object)

    def __init__(self, settings: Settings, check_interval_s: float = CHECK_INTERVAL_S) -> None:
        super().__init__()
        self._settings = settings
        self._check_interval_s = check_interval_s
        self._commands: queue.SimpleQueue[_Start | _Stop] = queue.SimpleQueue()
        self._own: OwnServer | None = None
        self._state = ServerState(ServerPhase.STARTING, settings.host.url)
        self._thread = threading.Thread(target=self._control, name="server control", daemon=True)

    @property
    def state(self) -> ServerState:
        """What was last reported."""
        return self._state

    def start(self) -> None:
        """Begin; `changed` tells how it went. Does not wait."""
        self._commands.put(_Start())
        self._thread.start()

    def restart(self) -> None:
        """Read the settings again and start over; also the way to try again. Does not wait."""
        self._commands.put(_Start())

    def stop(self, deadline_s: float = STOP_DEADLINE_S) -> bool:
        """Stop our own server and its runners. False if it would not end in time."""
        if not self._thread.is_alive():
            return True
        self._commands.put(_Stop())
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _control(self) -> None:
        while True:
            try:
                command = self._commands.get(timeout=self._check_interval_s)
            except queue.Empty:
                self._check()
                continue
            self._stop_own()
            if isinstance(command, _Stop):
                self._report(ServerPhase.STOPPED)
                return
            self._start()

    def _start(self) -> None:
        self._report(ServerPhase.STARTING)
        try:
            self._settings = load_settings()
            found = find_server(self._settings.host)
            if found is not None:
                self._report(ServerPhase.FOREIGN, program=found.program)
                return
            self._own = OwnServer(self._settings)
        except (ServerUnavailableError, SettingsError) as exc:
            self._report(ServerPhase.FAILED, problem=str(exc))
        except Exception as exc:
            # Thread entry: a server that cannot be built is a sentence in the window.
            logger.exception("the server could not be started")
            self._report(ServerPhase.FAILED, problem=f"the server could not be started: {exc}")
        else:
            self._report(ServerPhase.OWN)

    def _check(self) -> None:
        phase = self._state.phase
        if phase == ServerPhase.OWN and self._own is not None and not self._own.is_alive:
            self._own = None
            self._report(ServerPhase.FAILED, problem="the server stopped; its log tells why")
        elif phase == ServerPhase.FOREIGN and find_server(self._settings.host) is None:
            # Whoever ran it has stopped it: serve ourselves, so that the chats go on.
            self._start()

    def _stop_own(self) -> None:
        own, self._own = self._own, None
        if own is not None and not own.stop():
            logger.error("the server did not stop in time")

    def _report(self, phase: ServerPhase, problem: str = "", program: str = "") -> None:
        self._state = ServerState(phase, self._settings.host.url, problem, program)
        logger.info("%s %s", self._state.sentence, problem)
        self.changed.emit(self._state)


class OwnServer:
    """Our server in its thread. Raises ServerUnavailableError if it cannot be started."""

    def __init__(self, settings: Settings) -> None:
        # Imported here, in the control thread: the window is on the screen meanwhile.
        from api.server.serving import AddressInUseError, BindError, ServerThread, bind
        from app.serve import build_app

        host = settings.host
        if host.scheme != "http" or host.path:
            raise ServerUnavailableError(f"no server answers at {host.url}")
        try:
            listener = bind(host.bind_host, host.port)
        except AddressInUseError as exc:
            raise ServerUnavailableError(
                f"port {host.port} is taken by another program that does not answer as a model "
                "server; stop that program, or set OLLAMA_HOST to another port"
            ) from exc
        except BindError as exc:
            raise ServerUnavailableError(f"the server cannot start: {exc}") from exc
        try:
            self._thread = ServerThread(build_app(settings), listener)
        except BaseException:
            listener.close()
            raise
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it serves."""
        return self._thread.is_alive

    def stop(self) -> bool:
        """Ask, wait, force. False if it would not end."""
        return self._thread.stop()
