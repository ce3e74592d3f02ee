"""Starting a server in the background, for `corral run` when none answers."""

import subprocess
import sys
import time
from pathlib import Path

import app
from api.client.client import Client
from app import paths
from app.cli.errors import CommandError
from app.settings import Settings, child_environment

START_TIMEOUT_S = 60.0
QUIET_S = 1.0
"""A start that takes longer is announced."""
POLL_S = 0.05
BIND_RACE_S = 10.0
IDLE_EXIT = "30m"
"""What a server started here gets for CORRAL_IDLE_EXIT unless the user has set it."""
MAX_LOG_BYTES = 5 * 1024 * 1024
SHOWN_LOG_LINES = 10


def ensure_server(client: Client, settings: Settings) -> None:
    """Return when a server answers; start one on this machine if none does.

    Raises CommandError when it cannot be started, ServerUnreachableError when the address is
    not one of this machine alone.
    """
    if client.is_alive():
        return
    if not settings.host.is_loopback or settings.host.scheme != "http" or settings.host.path:
        client.check()
        return
    _ServerStart(client, settings).run()


class _ServerStart:
    """One attempt: a detached process and the wait for its first answer."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._log_file = paths.server_log_file()
        self._log_start = 0

    def run(self) -> None:
        process = self._spawn()
        started_at = time.monotonic()
        announced = False
        died_at: float | None = None
        while not self._client.is_alive():
            now = time.monotonic()
            if died_at is None and process.poll() is not None:
                died_at = now
            if died_at is not None and self._is_hopeless(now - died_at):
                raise CommandError(self._describe_death(process.returncode))
            if now - started_at > START_TIMEOUT_S:
                process.terminate()
                raise CommandError(
                    f"the server did not answer within {START_TIMEOUT_S:.0f} seconds; "
                    f"its log is {self._log_file}"
                )
            if not announced and now - started_at > QUIET_S:
                announced = True
                print("starting the corral server...", file=sys.stderr)
            time.sleep(POLL_S)
        # It outlives us on purpose; without a status its handle would warn that it still runs.
        process.returncode = process.returncode or 0

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        if self._log_file.exists() and self._log_file.stat().st_size > MAX_LOG_BYTES:
            self._log_file.replace(self._log_file.with_suffix(".log.1"))
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            return subprocess.Popen(
                server_command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # `-m app.cli` puts the working folder first on the import path, and the user's
                # may hold an `app` of its own.
                cwd=program_folder(),
                env=child_environment(self._settings, idle_exit=IDLE_EXIT),
                start_new_session=True,
                creationflags=_detached_flags(),
            )

    def _is_hopeless(self, dead_for_s: float) -> bool:
        """Two commands may start a server at once: the one that lost waits for the other's."""
        lost_race = any("address already in use" in line for line in self._log_lines())
        return not lost_race or dead_for_s > BIND_RACE_S

    def _describe_death(self, status: int) -> str:
        lines = self._log_lines()[-SHOWN_LOG_LINES:]
        reason = f"the server could not be started (exit status {status})"
        return "\n".join([f"{reason}; the end of {self._log_file}:", *lines] if lines else [reason])

    def _log_lines(self) -> list[str]:
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode("utf-8", "replace").splitlines()


def server_command() -> list[str]:
    """What starts `corral serve`, from source and from the frozen console program."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "serve"]
    return [sys.executable, "-m", "app.cli", "serve"]


def program_folder() -> Path:
    """The folder that holds the program's packages."""
    return Path(app.__file__).resolve().parent.parent


def _detached_flags() -> int:
    if sys.platform == "win32":
        return (
            subprocess.DETACHED_PROCESS
            | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.CREATE_NO_WINDOW
        )
    return 0
