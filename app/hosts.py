"""The address of a server as OLLAMA_HOST writes it (spec section 10). Pure."""

import ipaddress
from dataclasses import dataclass

DEFAULT_PORT = 11434
_DEFAULT_HOST = "127.0.0.1"
_SCHEME_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Host:
    """Where a server listens, or where a client finds it."""

    scheme: str = "http"
    host: str = _DEFAULT_HOST
    """Empty: all interfaces."""
    port: int = DEFAULT_PORT
    path: str = ""
    """Without slashes at either end."""

    @property
    def bind_host(self) -> str:
        """The address to listen on."""
        return self.host or "0.0.0.0"

    @property
    def url(self) -> str:
        """The address to send requests to: "all interfaces" is reached on the loopback one."""
        host = self.host
        if host in ("", "0.0.0.0"):
            host = _DEFAULT_HOST
        elif host == "::":
            host = "::1"
        if ":" in host:
            host = f"[{host}]"
        path = f"/{self.path}" if self.path else ""
        return f"{self.scheme}://{host}:{self.port}{path}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it. An unspecified address is not loopback."""
        if self.host.lower() == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_host(text: str) -> tuple[Host, str]:
    """The address, and a complaint about its port (or ""): a bad port becomes the default."""
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    default_port = DEFAULT_PORT
    if not separator:
        scheme, rest = "http", text
        if text == "ollama.com":
            scheme, rest = "https", "ollama.com:443"
    else:
        default_port = _SCHEME_PORTS.get(scheme, DEFAULT_PORT)
    address, _, path = rest.partition("/")
    host, port_text = _split(address)
    port, problem = default_port, ""
    if port_text is not None:
        if port_text.isascii() and port_text.isdigit() and int(port_text) <= 65535:
            port = int(port_text)
        else:
            problem = f'invalid port, using default port="{port_text}" default={default_port}'
    return Host(scheme, host, port, path.strip("/")), problem


def _split(address: str) -> tuple[str, str | None]:
    """Host and port text; None when there is no port. A bare IPv6 address has none."""
    if address.startswith("["):
        host, _, rest = address[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else None
    if address.count(":") == 1:
        host, port = address.split(":")
        return host, port
    return address or _DEFAULT_HOST, None
