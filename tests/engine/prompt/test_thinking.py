"""Splitting output into thinking and content while it streams."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.completion import Delta
from engine.prompt.thinking import ThinkingParser, opens_thinking

PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", "<", "/", "think", ">", "a", " ", "\n", "é", "<thi"])
)


def run(pieces: list[str], *, started: bool = False) -> Delta:
    parser = ThinkingParser("<think>", "</think>", started=started)
    deltas = [parser.feed(piece) for piece in pieces] + [parser.finish()]
    return Delta("".join(d.content for d in deltas), "".join(d.thinking for d in deltas))


@pytest.mark.parametrize(
    ("text", "started", "content", "thinking"),
    [
        ("hello", False, "hello", ""),
        ("  hello", False, "  hello", ""),
        ("<think>hm</think>yes", False, "yes", "hm"),
        (" \n<think>\n hm \n</think>\n\nyes", False, "yes", "hm \n"),
        ("<think>never closed", False, "", "never closed"),
        ("<think>cut </thi", False, "", "cut </thi"),
        ("<thi", False, "<thi", ""),
        ("   ", False, "   ", ""),
        ("", False, "", ""),
        ("text <think>late</think>", False, "text <think>late</think>", ""),
        ("<think>a</think>b<think>c</think>", False, "b<think>c</think>", "a"),
        ("\nhm</think>\nyes", True, "yes", "hm"),
        ("hm", True, "", "hm"),
    ],
)
def test_only_a_block_at_the_start_is_thinking(
    text: str, started: bool, content: str, thinking: str
) -> None:
    assert run([text], started=started) == Delta(content, thinking)


@given(PIECES, st.booleans())
def test_cuts_between_pieces_change_nothing(pieces: list[str], started: bool) -> None:
    text = "".join(pieces)
    assert run(pieces, started=started) == run([text], started=started)
    assert run(list(text), started=started) == run([text], started=started)


@given(PIECES)
def test_every_character_comes_out_but_tags_and_the_space_behind_them(pieces: list[str]) -> None:
    text = "".join(pieces)
    whole = run(pieces)
    if not text.lstrip().startswith("<think>"):
        assert whole == Delta(text, "")
        return
    thinking, closing, content = text.lstrip().removeprefix("<think>").partition("</think>")
    # Whitespace alone between the tags is nobody's.
    assert whole.thinking == thinking.lstrip()
    assert whole.content == (content.lstrip() if closing else "")


def test_text_is_handed_out_as_soon_as_it_is_certain() -> None:
    parser = ThinkingParser("<think>", "</think>")
    assert parser.feed("<think>one") == Delta("", "one")
    assert parser.is_thinking
    assert parser.feed(" two<") == Delta("", " two")
    assert parser.feed("b>") == Delta("", "<b>")
    assert parser.feed("</think>x") == Delta("x", "")
    assert not parser.is_thinking
    assert parser.feed("<") == Delta("<", "")


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [("...<think>\n", True), ("...<think>", True), ("<think>\n\n</think>\n\n", False), ("", False)],
)
def test_a_prompt_may_end_inside_an_open_block(prompt: str, expected: bool) -> None:
    assert opens_thinking(prompt, "<think>") is expected
