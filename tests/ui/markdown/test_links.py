import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markdown.links import is_allowed, tells_target


@pytest.mark.parametrize("target", ["http://a.example", "https://a.example/x?y#z", "HTTPS://A.B"])
def test_web_addresses_may_be_followed(target: str) -> None:
    assert is_allowed(target)


@pytest.mark.parametrize(
    "target",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/passwd",
        "//host/share",
        "/etc/passwd",
        "smb://host/x",
        "ms-settings:",
        "http:",
        "https:///path",
        "http://[",
        "",
        " https://a.example",
        "https://a.b/\u202egpj.exe",
        "https://a.b/\nx",
        "mailto:a@b.c",
    ],
)
def test_everything_else_may_not(target: str) -> None:
    assert not is_allowed(target)


@given(st.text())
def test_any_text_gets_an_answer(target: str) -> None:
    if is_allowed(target):
        assert target.lower().startswith(("http://", "https://"))


def test_text_that_is_the_target_misleads_nobody() -> None:
    assert tells_target("https://a.example", "https://a.example/")
    assert not tells_target("https://good.example", "https://evil.example")
