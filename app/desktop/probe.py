"""Asks whether a model server answers at an address. Any thread; waits a few seconds at most."""

import http.client
import json
from dataclasses import dataclass

from app.hosts import Host

TIMEOUT_S = 3.0
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class Found:
    """A healthy server. `program` is its name and version as far as it says them."""

    program: str


def find_server(host: Host, timeout_s: float = TIMEOUT_S) -> Found | None:
    """The server at this address, or None if nothing answers `GET /api/version` as one does."""
    url_host = Host(host.scheme, host.host, host.port).url.partition("://")[2]
    kind = http.client.HTTPSConnection if host.scheme == "https" else http.client.HTTPConnection
    connection = kind(url_host, timeout=timeout_s)
    path = f"/{host.path}/api/version" if host.path else "/api/version"
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read(_MAX_BYTES)
        status = response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return _parse(status, body)


def _parse(status: int, body: bytes) -> Found | None:
    try:
        reply = json.loads(body)
    except ValueError:
        return None
    if status != 200 or not isinstance(reply, dict) or not isinstance(reply.get("version"), str):
        return None
    corral = reply.get("corral")
    if isinstance(corral, str) and corral:
        return Found(f"Corral {corral}")
    return Found(f"Ollama {reply['version']}")
