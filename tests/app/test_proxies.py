import pytest

from app.proxies import find_proxy


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "near.example")


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://far.example/x", "http://proxy.example:3128"),
        ("https://near.example/x", None),
        ("http://far.example/x", None),
        ("https://127.0.0.1:5000/x", None),
        ("https://localhost/x", None),
        ("https://[::1]/x", None),
        ("nonsense", None),
    ],
)
def test_the_environment_says_what_goes_through_a_proxy(url: str, proxy: str | None) -> None:
    assert find_proxy(url) == proxy


def test_one_proxy_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy.example:1080")
    assert find_proxy("http://far.example/x") == "socks5://proxy.example:1080"
