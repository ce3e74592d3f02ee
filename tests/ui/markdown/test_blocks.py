import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.markdown.blocks import (
    PLAIN_TEXT_CHARS,
    SEGMENT_CHARS,
    CodeSegment,
    TextSegment,
    cut,
)


def _html(source: str) -> str:
    return "".join(c.segment.html for c in cut(source) if isinstance(c.segment, TextSegment))


def test_text_and_code_become_segments() -> None:
    source = "before\n\n```python\nx = 1\n```\n\nafter\n"
    assert [(c.line, c.segment) for c in cut(source)] == [
        (0, TextSegment("<p>before</p>")),
        (2, CodeSegment("x = 1", "python")),
        (6, TextSegment("<p>after</p>")),
    ]


@pytest.mark.parametrize(
    ("source", "is_open"),
    [
        ("```\nx", True),
        ("```\nx\n```", False),
        ("~~~~\nx\n```", True),
        ("~~~\nx\n~~~~", False),
        ("```", True),
        ("````\n```\n", True),
    ],
)
def test_open_fence_is_known_as_open(source: str, is_open: bool) -> None:
    (only,) = cut(source)
    assert isinstance(only.segment, CodeSegment)
    assert only.segment.is_open is is_open


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        '<img src="file:///etc/passwd">',
        "![alt](https://evil.example/beacon.png)",
        "![alt](file:///p.png)",
        "![alt][r]\n\n[r]: //host/share/x.png",
        "[![alt](https://evil.example/x.png)](https://a.example)",
        "<style>p{background:url(http://evil.example)}</style>",
        '<a href="javascript:x">y</a>',
    ],
)
def test_no_element_of_the_model_reaches_qt(source: str) -> None:
    html = _html(source)
    for forbidden in ("<img", "<script", "<style", 'href="javascript', "src="):
        assert forbidden not in html.replace("&lt;", "~").replace("src=&quot;", "~")


def test_image_is_shown_by_its_alternative_text() -> None:
    assert _html("![a cat](https://x.example/cat.png)") == "<p>[image: a cat]</p>"


def test_link_of_a_foreign_scheme_loses_its_target() -> None:
    assert _html("[x](ftp://a.example)") == "<p><a>x</a></p>"
    assert _html("[x](https://a.example/?a=1&b=2)") == (
        '<p><a href="https://a.example/?a=1&amp;b=2">x</a></p>'
    )


def test_long_text_is_cut_at_a_block() -> None:
    paragraph = "word " * 100
    source = "\n\n".join([paragraph] * 60)
    cuts = cut(source)
    assert len(cuts) > 2
    assert all(len(c.segment.html) < SEGMENT_CHARS * 2 for c in cuts)  # type: ignore[union-attr]
    assert _html(source).count("<p>") == 60


def test_huge_block_is_shown_as_it_is() -> None:
    source = "*a_" * (PLAIN_TEXT_CHARS // 3 + 1)
    (only,) = cut(source)
    assert isinstance(only.segment, TextSegment)
    assert "<em>" not in only.segment.html


@given(st.text())
def test_any_text_can_be_cut(source: str) -> None:
    lines = [c.line for c in cut(source)]
    assert lines == sorted(lines)
