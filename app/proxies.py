"""The proxies of this machine: from the environment or, where there are such, system settings."""

import ipaddress
import urllib.request
from urllib.parse import urlsplit


def find_proxy(url: str) -> str | None:
    """The proxy to use for a URL, if any (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY)."""
    parts = urlsplit(url)
    if not parts.hostname or _is_here(parts.hostname):
        return None
    if urllib.request.proxy_bypass(parts.hostname):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _is_here(host: str) -> bool:
    """A proxy can't reach our own machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
