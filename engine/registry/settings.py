"""What registry access needs to know from outside. Values only."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass


def no_proxy(url: str) -> str | None:
    """The proxy function of a machine without proxies."""
    return None


@dataclass(frozen=True)
class RetryPolicy:
    """How often something is tried again, and after which pause."""

    tries: int = 6
    first_pause_s: float = 1.0
    """Doubles with each failure."""
    longest_pause_s: float = 30.0

    def pause_s(self, failures: int, asked_s: float | None = None) -> float:
        """Before the next try. `asked_s`: what the server asked for; capped like our own."""
        own_s = self.first_pause_s * 2.0 ** (failures - 1)
        return float(min(max(own_s, asked_s or 0.0), self.longest_pause_s))


@dataclass(frozen=True)
class RegistrySettings:
    """The defaults are those of the program; tests shorten the times."""

    user_agent: str = "ollama/0.33.0 corral"
    """Registries want one that starts like Ollama's, with a recent version (spec 4.1)."""
    find_proxy: Callable[[str], str | None] = no_proxy
    """URL of the proxy to use for a URL, if any."""
    ssl_context: ssl.SSLContext | None = None
    """None: the system's certificates."""
    retry: RetryPolicy = RetryPolicy()
    connect_timeout_s: float = 15.0
    stall_timeout_s: float = 30.0
    """No byte for so long: the connection is given up."""
    answer_timeout_s: float = 120.0
    """For a whole manifest or token."""
    connections: int = 8
    """Per file."""
    chunk_bytes: int = 16 * 1024 * 1024
    max_chunks: int = 4096
    """Larger files have larger chunks."""
    save_interval_s: float = 1.0
    """How often it is noted what has arrived: a kill loses no more than that."""
    account_url: str = "https://ollama.com"
