"""The Origin allow-list."""

import pytest

from api.server.origins import InvalidOriginError, OriginList


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "https://localhost:3000",
        "http://127.0.0.1:8080",
        "http://0.0.0.0:1",
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://abc123",
        "vscode-file://vscode-app",
    ],
)
def test_local_pages_and_desktop_apps_are_allowed(origin):
    assert OriginList().is_allowed(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.com",
        "http://localhost.evil.com",
        "http://localhost:1.evil.com",
        "http://localhost:80@evil.com",
        "http://localhost:",
        "http://192.168.0.2",
        "chrome-extension://abc",
        "moz-extension://abc",
        "xapp://a",
    ],
)
def test_others_are_not(origin):
    assert not OriginList().is_allowed(origin)


def test_listed_patterns_are_added_to_the_defaults():
    origins = OriginList(["https://*.example.com", "chrome-extension://abc"])
    assert origins.is_allowed("https://a.example.com")
    assert origins.is_allowed("chrome-extension://abc")
    assert origins.is_allowed("http://localhost")
    assert not origins.is_allowed("https://example.com.evil.com")
    assert not origins.is_allowed("https://x/.example.com")
    assert not origins.is_allowed("chrome-extension://other")


def test_a_star_allows_all():
    assert OriginList(["*"]).is_allowed("null")


@pytest.mark.parametrize("pattern", ["example.com", "http://*.*"])
def test_a_bad_pattern_is_an_error_at_start(pattern):
    with pytest.raises(InvalidOriginError, match="bad origin"):
        OriginList([pattern])


def test_listed_hosts_are_known_by_name():
    origins = OriginList(["https://ai.example.com:8443", "https://*.x.com"])
    assert origins.hosts == {"ai.example.com"}
