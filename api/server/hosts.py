"""Which names the server answers to: the Host table of spec 1.2, against DNS rebinding.

A hostile page can point a name of its own at this machine; the browser then sends that name in
`Host`. So only names that nobody outside can own are accepted. Ollama drops the check when the
listener is not on loopback; here it stays, widened by what such servers are reached under: any
address, names without a dot, and the hosts named in OLLAMA_HOST and OLLAMA_ORIGINS.
"""

import ipaddress
import re
import socket
from collections.abc import Collection

import psutil  # type: ignore[import-untyped]

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")
_PRIVATE_NETWORKS = [
    ipaddress.ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_address(host: str) -> IPAddress | None:
    """`host` as an IP address without zone, else None."""
    if "%" in host:
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def split_host(value: str) -> str | None:
    """The host in a Host header, lower-case and without port; None if the header is malformed."""
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d{0,5})?", value.strip().lower())
    if match is None:
        return None
    host = match.group(1)
    if host.startswith("["):
        address = parse_address(host[1:-1])
        return str(address) if address and address.version == 6 else None
    return host


class HostTable:
    """Decides on Host headers for a server that listens on `listen_host`."""

    def __init__(self, listen_host: str, named_hosts: Collection[str] = ()) -> None:
        address = parse_address(listen_host.strip("[]"))
        self._is_loopback = address.is_loopback if address else listen_host == "localhost"
        self._names = {"localhost", socket.gethostname().lower()}
        if not self._is_loopback:
            self._names |= {name.lower() for name in (listen_host, *named_hosts) if name}

    def is_allowed(self, value: str) -> bool:
        """Whether a request with this Host header may be served. Empty: HTTP/1.0, allowed."""
        host = split_host(value)
        if host is None:
            return False
        if not host:
            return True
        address = parse_address(host)
        if address is not None:
            return not self._is_loopback or _is_ours(address)
        return self.is_allowed_name(host)

    def is_allowed_name(self, host: str) -> bool:
        """Whether `host`, lower-case and no address, is a name of ours."""
        if _NAME.fullmatch(host) is None:
            return False
        if host in self._names or host.endswith(_LOCAL_SUFFIXES):
            return True
        return not self._is_loopback and "." not in host


def _is_ours(address: IPAddress) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        return _is_ours(mapped)
    if address.is_loopback or address.is_unspecified:
        return True
    if any(address in network for network in _PRIVATE_NETWORKS):
        return True
    return str(address) in {
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries
    }
