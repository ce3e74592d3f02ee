import ipaddress

import httpx2
import pytest

from engine.registry.errors import ForbiddenTargetError
from engine.registry.origin import Origin, Trust, check_literal, is_public, resolve


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://A.Example./x", "https://a.example"),
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:443", "http://a.example:443"),
        ("https://user@a.example:5000", "https://a.example:5000"),
        ("https://[::1]:5000/", "https://[::1]:5000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_origins_are_compared_in_one_form(url: str, text: str) -> None:
    assert str(Origin.of(httpx2.URL(url))) == text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "/relative", "gopher://x", ""])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(ForbiddenTargetError):
        Origin.of(httpx2.URL(url))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ],
)
def test_no_private_address_is_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "[::ffff:7f00:1]"],
)
def test_every_spelling_of_this_machine_is_refused_unless_named(host: str) -> None:
    origin = Origin.of(httpx2.URL(f"https://{host}:1"))
    with pytest.raises(ForbiddenTargetError, match="private network"):
        resolve(origin, Trust("registry.example"))
    assert resolve(origin, Trust(origin.host))
    with pytest.raises(ForbiddenTargetError):
        resolve(origin, Trust(origin.host, may_be_private=False))


def test_a_name_must_not_lead_to_link_local_addresses_even_if_it_is_the_users() -> None:
    metadata = ipaddress.ip_address("169.254.169.254")
    assert not Trust("a.example").allows("a.example", metadata)
    assert Trust("169.254.169.254").allows("169.254.169.254", metadata)
    assert Trust("a.example").allows("a.example", ipaddress.ip_address("10.0.0.1"))


def test_behind_a_proxy_addresses_are_checked_as_far_as_they_are_written_out() -> None:
    trust = Trust("registry.example")
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "a.localhost"):
        with pytest.raises(ForbiddenTargetError):
            check_literal(Origin.of(httpx2.URL(f"https://{host}")), trust)
    check_literal(Origin.of(httpx2.URL("https://cdn.example")), trust)


def test_plain_http_needs_leave() -> None:
    plain = Origin.of(httpx2.URL("http://a.example"))
    with pytest.raises(ForbiddenTargetError, match="not encrypted"):
        Trust("a.example").check_scheme(plain)
    Trust("a.example", insecure=True).check_scheme(plain)
    Trust("127.0.0.1").check_scheme(Origin.of(httpx2.URL("http://127.0.0.1:5000")))
    with pytest.raises(ForbiddenTargetError):
        Trust("a.example").check_scheme(Origin.of(httpx2.URL("http://127.0.0.1:5000")))
