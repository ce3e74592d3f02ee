"""What the window and the tray say about the server. Pure."""

from dataclasses import dataclass
from enum import Enum


class ServerPhase(Enum):
    """Whose server it is, and whether it is there."""

    STARTING = "starting"
    OWN = "own"
    FOREIGN = "foreign"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ServerState:
    """The server as the desktop app sees it. `problem` is a sentence when it FAILED."""

    phase: ServerPhase
    url: str
    problem: str = ""
    program: str = ""
    """FOREIGN: which program and version it says it is."""

    @property
    def is_ready(self) -> bool:
        """Whether requests can be sent."""
        return self.phase in (ServerPhase.OWN, ServerPhase.FOREIGN)

    @property
    def address(self) -> str:
        """The URL without its scheme."""
        return self.url.partition("://")[2]

    @property
    def sentence(self) -> str:
        """One line for the tray's menu and the window."""
        return {
            ServerPhase.STARTING: "Server is starting\N{HORIZONTAL ELLIPSIS}",
            ServerPhase.OWN: f"Server running on {self.address}",
            ServerPhase.FOREIGN: f"Using {self.program or 'a server'} on {self.address}",
            ServerPhase.FAILED: f"No server on {self.address}",
            ServerPhase.STOPPED: "Server stopped",
        }[self.phase]

    @property
    def label(self) -> str:
        """A few words for the foot of the sidebar."""
        if self.phase == ServerPhase.OWN:
            return self.address
        if self.phase == ServerPhase.FOREIGN:
            return f"{self.program} on {self.address}"
        return self.sentence

    @property
    def mood(self) -> str:
        """good, busy or bad."""
        if self.is_ready:
            return "good"
        return "busy" if self.phase == ServerPhase.STARTING else "bad"
