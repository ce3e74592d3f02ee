"""Where a URL leads: its origin, and the network addresses behind its host (security 1C).

A registry may send us elsewhere, so every target is checked when it is used, and the address
that was checked is the one that is connected to. Any thread; may wait for name resolution.
"""

import ipaddress
import socket
from dataclasses import dataclass

import httpx2

from engine.registry.errors import ForbiddenTargetError, UnreachableError

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Origin:
    """Scheme, host and port. Credentials for one are never sent to another."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: httpx2.URL) -> "Origin":
        """Raises ForbiddenTargetError for a URL that is neither http nor https."""
        if url.scheme not in _PORTS or not url.host:
            raise ForbiddenTargetError("only http and https addresses are allowed")
        host = url.raw_host.decode("ascii").lower().strip("[]").removesuffix(".")
        return cls(url.scheme, host, url.port or _PORTS[url.scheme])

    @property
    def authority(self) -> str:
        """Host and, unless it is the usual one, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True)
class Trust:
    """What the user's own words allow for one registry, and nothing else does."""

    host: str
    """As the user named it, without port."""
    insecure: bool = False
    """Plain http may be used."""
    may_be_private: bool = True
    """The named host may lie in a private network: the one who named it sits at this machine."""

    def check_scheme(self, origin: Origin) -> None:
        """Raises ForbiddenTargetError for http without leave."""
        named_loopback = self.names(origin.host) and _is_loopback(origin.host)
        if origin.scheme == "https" or self.insecure or named_loopback:
            return
        raise ForbiddenTargetError(f"the registry leads to {origin}, which is not encrypted")

    def names(self, host: str) -> bool:
        """Whether this is the host that the user named."""
        return host == self.host.lower().removesuffix(".")

    def allows(self, host: str, address: Address) -> bool:
        """Whether we may connect to an address of a host."""
        if is_public(address):
            return True
        if not self.names(host) or not self.may_be_private:
            return False
        # Link-local addresses hold the metadata services of clouds; a name must not lead there.
        return not address.is_link_local or _literal(host) is not None


def resolve(origin: Origin, trust: Trust) -> list[str]:
    """The addresses of a host that we may connect to, at least one.

    Raises ForbiddenTargetError if there is none that is allowed, UnreachableError if there is none.
    """
    try:
        found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "no such name"
        raise UnreachableError(f"could not look up {origin.host}: {reason}") from exc
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    allowed = [text for text in addresses if trust.allows(origin.host, _parse(text))]
    if not allowed:
        raise ForbiddenTargetError(
            f"{origin.authority} lies in a private network, and was not named by the user"
        )
    return allowed


def check_literal(origin: Origin, trust: Trust) -> None:
    """The part of `resolve` that can be done when a proxy looks the names up.

    Raises ForbiddenTargetError.
    """
    address = _literal(origin.host)
    is_local = origin.host == "localhost" or origin.host.endswith(".localhost")
    if address is None and is_local:
        address = ipaddress.IPv4Address("127.0.0.1")
    if address is not None and not trust.allows(origin.host, address):
        raise ForbiddenTargetError(
            f"{origin.authority} lies in a private network, and was not named by the user"
        )


def is_public(address: Address) -> bool:
    """Whether anybody on the internet could reach it. Addresses that wrap another count as it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _parse(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _literal(host)
    return host == "localhost" or (address is not None and address.is_loopback)
