from hypothesis import given
from hypothesis import strategies as st

from ui.chats.record import TITLE_LENGTH, title_from


@given(st.text())
def test_title_is_one_short_line_that_says_something(text: str) -> None:
    title = title_from(text)
    assert 0 < len(title) <= TITLE_LENGTH
    assert "\n" not in title


def test_title_is_cut_at_a_word() -> None:
    text = "Explain the difference between TCP and UDP in words that a child understands"
    assert title_from(text) == "Explain the difference between TCP and UDP in words that a\u2026"


def test_text_of_exactly_the_limit_is_kept_whole() -> None:
    assert title_from("x" * TITLE_LENGTH) == "x" * TITLE_LENGTH
    assert title_from("x" * (TITLE_LENGTH + 1)) == "x" * (TITLE_LENGTH - 1) + "\u2026"


def test_blank_text_has_a_title_too() -> None:
    assert title_from(" \n\t") == "New chat"
