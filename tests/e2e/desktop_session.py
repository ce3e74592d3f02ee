"""A private X session with window manager and tray, and the real desktop app in it.

Used by the end-to-end tests and by tests/e2e/screenshots.py.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

PROGRAMS = {
    "Xvfb": "xvfb",
    "openbox": "openbox",
    "trayer": "trayer",
    "xdotool": "xdotool",
    "xprop": "x11-utils",
    "scrot": "scrot",
}
ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 40.0


def wait_for(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return when the condition holds; fail with `what` after the deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {deadline_s:g} s in vain for {what}"
        time.sleep(0.05)


class XSession:
    """Xvfb on a free display, openbox, trayer. No session bus, so the tray is XEmbed."""

    def __init__(
        self, home: Path, more: Mapping[str, str] | None = None, size: tuple[int, int] = (1280, 860)
    ) -> None:
        missing = [package for name, package in PROGRAMS.items() if not shutil.which(name)]
        assert not missing, f"run: apt-get install -y --no-install-recommends {' '.join(missing)}"
        self._children: list[subprocess.Popen[bytes]] = []
        reader, writer = os.pipe()
        self._start(
            [
                "Xvfb",
                "-displayfd",
                str(writer),
                "-screen",
                "0",
                f"{size[0]}x{size[1]}x24",
                "-nolisten",
                "tcp",
            ],
            {**os.environ},
            pass_fds=(writer,),
        )
        os.close(writer)
        with os.fdopen(reader) as lines:
            display = lines.readline().strip()
        assert display, "Xvfb did not start"
        runtime = home / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        unwanted = ("OLLAMA_", "CORRAL_", "XDG_", "WAYLAND_", "QT_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
        self.environment = {
            **kept,
            "DISPLAY": f":{display}",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "LC_ALL": "C.UTF-8",
            **(more or {}),
        }
        self._start(["openbox"], self.environment)
        wait_for(lambda: "_NET_SUPPORTING_WM_CHECK(WINDOW)" in self._root(), "the window manager")

    def start_tray(self) -> None:
        """Bring up a tray host."""
        self._start(
            [
                "trayer",
                "--edge",
                "top",
                "--align",
                "right",
                "--widthtype",
                "request",
                "--height",
                "30",
                "--SetDockType",
                "true",
            ],
            self.environment,
        )
        wait_for(lambda: self._find("--class", "trayer"), "the tray")

    def xdotool(self, *arguments: str) -> str:
        """Run it and return what it prints."""
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return done.stdout.strip()

    def windows(self) -> list[str]:
        """Ids of the app's visible top-level windows."""
        return self._find("--onlyvisible", "--name", "^Corral$")

    def tray_icon(self) -> tuple[int, int] | None:
        """The middle of the tray, which holds one icon; None while it is empty."""
        for window in self._find("--onlyvisible", "--class", "trayer"):
            lines = self.xdotool("getwindowgeometry", "--shell", window).splitlines()
            values = dict(line.split("=") for line in lines if "=" in line)
            width, height = int(values["WIDTH"]), int(values["HEIGHT"])
            if width >= 16 and height >= 16:
                return int(values["X"]) + width // 2, int(values["Y"]) + height // 2
        return None

    def screenshot(self, path: Path) -> None:
        """Write a PNG of the screen."""
        subprocess.run(
            ["scrot", "-o", str(path)], env=self.environment, check=True, timeout=DEADLINE_S
        )

    def close(self) -> None:
        """End the session's programs, last first."""
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait(10)

    def _find(self, *arguments: str) -> list[str]:
        return self.xdotool("search", *arguments).split()

    def _root(self) -> str:
        done = subprocess.run(
            ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return done.stdout

    def _start(
        self, command: list[str], environment: Mapping[str, str], pass_fds: tuple[int, ...] = ()
    ) -> None:
        self._children.append(
            subprocess.Popen(
                command,
                env=environment,
                pass_fds=pass_fds,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )


class DesktopApp:
    """The real program in a session, with a home and a port of its own."""

    def __init__(self, session: XSession, *arguments: str, port: int | None = None) -> None:
        self.session = session
        self.port = port or _free_port()
        self.home = Path(session.environment["HOME"])
        environment = {**session.environment, "OLLAMA_HOST": f"127.0.0.1:{self.port}"}
        self.command = [sys.executable, "-m", "app.desktop"]
        self.environment = environment
        self.log = self.home / "app.log"
        self.started = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *arguments], env=environment, cwd=ROOT, stdout=log, stderr=log
            )

    def is_listening(self) -> bool:
        """Whether somebody listens on the port."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def messages(self) -> list[tuple[str, str, str]]:
        """Role, state and content of all messages on the disk."""
        path = self.home / ".local" / "share" / "corral" / "chats.sqlite3"
        if not path.exists():
            return []
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return database.execute(
                "SELECT role, state, content FROM messages ORDER BY position"
            ).fetchall()
        except sqlite3.OperationalError:  # the schema is being written
            return []
        finally:
            database.close()

    def wait_for_window(self) -> str:
        """The id of the window, once it is there."""
        wait_for(lambda: self.session.windows() or self.process.poll() is not None, "the window")
        assert self.process.poll() is None, self.log.read_text()
        return self.session.windows()[0]

    def type(self, window: str, text: str) -> None:
        """Write into the composer and press Enter."""
        self.session.xdotool("windowactivate", "--sync", window)
        self.session.xdotool("type", "--delay", "8", text)
        self.session.xdotool("key", "Return")

    def stop(self) -> None:
        """End it for certain; for the end of a test."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
