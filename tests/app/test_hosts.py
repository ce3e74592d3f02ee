import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.hosts import Host, parse_host


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "path"),
    [
        ("", "http", "127.0.0.1", 11434, ""),
        ("  1.2.3.4 ", "http", "1.2.3.4", 11434, ""),
        (":8080", "http", "", 8080, ""),
        ("example.com:0", "http", "example.com", 0, ""),
        ("http://example.com", "http", "example.com", 80, ""),
        ("https://example.com", "https", "example.com", 443, ""),
        ("https://example.com:8443/a/b/", "https", "example.com", 8443, "a/b"),
        ("example.com/ollama", "http", "example.com", 11434, "ollama"),
        ("ollama.com", "https", "ollama.com", 443, ""),
        ("::1", "http", "::1", 11434, ""),
        ("[::1]", "http", "::1", 11434, ""),
        ("[::1]:1337", "http", "::1", 1337, ""),
        ("http://[::]:1337", "http", "::", 1337, ""),
    ],
)
def test_addresses_are_read(text: str, scheme: str, host: str, port: int, path: str) -> None:
    assert parse_host(text) == (Host(scheme, host, port, path), "")


@pytest.mark.parametrize("port", ["65536", "x", "-1", "", "٣"])
def test_a_bad_port_becomes_the_default_with_a_complaint(port: str) -> None:
    host, problem = parse_host(f"1.2.3.4:{port}")
    assert host.port == 11434
    assert "invalid port, using default" in problem
    assert parse_host(f"https://1.2.3.4:{port}")[0].port == 443


def test_the_highest_port_is_good() -> None:
    assert parse_host("1.2.3.4:65535")[0].port == 65535


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        (":1", "http://127.0.0.1:1"),
        ("[::]:1", "http://[::1]:1"),
        ("[::1]:1", "http://[::1]:1"),
        ("https://h/p", "https://h:443/p"),
    ],
)
def test_clients_get_an_address_they_can_reach(text: str, url: str) -> None:
    assert parse_host(text)[0].url == url


def test_servers_get_an_address_they_can_bind() -> None:
    assert parse_host(":1")[0].bind_host == "0.0.0.0"
    assert parse_host("localhost:1")[0].bind_host == "localhost"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("LOCALHOST", True),
        ("127.9.9.9", True),
        ("[::1]:3", True),
        ("0.0.0.0", False),
        (":1", False),
        ("127.evil.example", False),
        ("10.0.0.1", False),
    ],
)
def test_only_this_machine_is_loopback(text: str, expected: bool) -> None:
    assert parse_host(text)[0].is_loopback is expected


@given(st.text(max_size=40))
def test_any_text_gives_an_address(text: str) -> None:
    host, _ = parse_host(text)
    assert 0 <= host.port <= 65535
    assert host.url.startswith(f"{host.scheme}://")
