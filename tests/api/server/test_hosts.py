"""The Host table."""

import socket

import pytest

from api.server.hosts import HostTable

LOOPBACK_YES = [
    "",
    "localhost",
    "LOCALHOST:11434",
    "127.0.0.1",
    "127.0.0.1:11434",
    "127.9.9.9",
    "0.0.0.0:11434",
    "[::1]:11434",
    "[::]",
    "10.1.2.3",
    "192.168.0.7:80",
    "172.16.0.1",
    "[fd00::1]",
    "[::ffff:127.0.0.1]",
    "printer.local",
    "app.localhost:1",
    "host.docker.internal",
    socket.gethostname(),
]
NEVER = [
    "evil.com",
    "127.0.0.1.evil.com",
    "localhost.",
    "localhost.evil.com",
    "evillocalhost.com",
    "localhost:11434:1",
    "localhost:port",
    "localhost@evil.com",
    "evil.com@x.local",
    "evil.com/x.local",
    "evil.com#.local",
    "[fe80::1%25eth0]",
    "[::1",
    "::1",
    "[localhost]",
    ".local",
    "-.local",
    "a b.local",
    "ev\u0131l.com",
    "localhost,evil.com",
    "localhost\\.evil.com",
]


@pytest.mark.parametrize("value", LOOPBACK_YES)
def test_names_nobody_outside_can_own_are_allowed(value):
    assert HostTable("127.0.0.1").is_allowed(value)


@pytest.mark.parametrize("value", NEVER)
@pytest.mark.parametrize("listen", ["127.0.0.1", "0.0.0.0"])
def test_other_names_are_refused_wherever_we_listen(value, listen):
    assert not HostTable(listen).is_allowed(value)


@pytest.mark.parametrize("value", ["8.8.8.8", "[2001:db8::1]", "intranet"])
def test_foreign_addresses_and_short_names_are_for_open_listeners_only(value):
    assert not HostTable("127.0.0.1").is_allowed(value)
    assert HostTable("0.0.0.0").is_allowed(value)


def test_an_open_listener_answers_to_the_names_its_operator_gave():
    table = HostTable("box.example.com", ["ai.example.com"])
    assert table.is_allowed("box.example.com:11434")
    assert table.is_allowed("ai.example.com")
    assert not table.is_allowed("other.example.com")
