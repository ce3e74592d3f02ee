import re

from hypothesis import given
from hypothesis import strategies as st

from app.cli.table import text_width
from app.cli.wordwrap import MARGIN, WordWrap


def render(output: str) -> list[str]:
    """The lines that a terminal shows: it knows cursor back, erase to the end, and newline."""
    lines = [""]
    for part in re.findall(r"\x1b\[\d+D|\x1b\[K|.", output, re.DOTALL):
        if part == "\n":
            lines.append("")
        elif part.endswith("D"):
            lines[-1] = lines[-1][: -int(part[2:-1])]
        elif part != "\x1b[K":
            lines[-1] += part
    return lines


def test_a_word_that_does_not_fit_moves_down_whole() -> None:
    wrap = WordWrap(10 + MARGIN)
    pieces = ["one two ", "th", "ree", " four"]
    assert render("".join(wrap.feed(piece) for piece in pieces)) == ["one two ", "three four"]


def test_text_that_fits_is_not_touched() -> None:
    assert WordWrap(80).feed("a\nb  c\td") == "a\nb  c\td"


def test_a_word_longer_than_a_line_is_broken() -> None:
    assert render(WordWrap(4 + MARGIN).feed("abcdefghij")) == ["abcd", "efgh", "ij"]


@given(st.lists(st.text("ab \n", max_size=15), max_size=12), st.integers(MARGIN + 1, 30))
def test_no_line_is_too_long_and_no_word_is_lost(pieces: list[str], columns: int) -> None:
    wrap = WordWrap(columns)
    lines = render("".join(wrap.feed(piece) for piece in pieces))
    assert all(text_width(line) <= columns - MARGIN for line in lines)
    assert "".join("".join(lines).split()) == "".join("".join(pieces).split())
