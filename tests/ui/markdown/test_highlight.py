import pytest

from ui.markdown.highlight import MAX_CHARS, code_html


def test_known_language_gets_colours() -> None:
    assert "color:" in code_html("def f(): pass", "python", is_dark=False)


@pytest.mark.parametrize("language", ["", "no-such-language", "../../etc"])
def test_unknown_language_is_plain(language: str) -> None:
    assert code_html("a < b\n", language, is_dark=False) == "<pre>a &lt; b\n</pre>"


def test_code_cannot_break_out() -> None:
    html = code_html("</pre><img src='file:///x'>", "html", is_dark=True)
    assert "<img" not in html


@pytest.mark.parametrize(("length", "coloured"), [(MAX_CHARS, True), (MAX_CHARS + 1, False)])
def test_long_code_is_plain(length: int, coloured: bool) -> None:
    code = ("x = 1\n" * length)[:length]
    assert ("color:" in code_html(code, "python", is_dark=False)) is coloured
