from hypothesis import given
from hypothesis import strategies as st

from ui.markdown.blocks import Segment, cut
from ui.markdown.growing import GrowingMarkdown

_PIECES = st.lists(
    st.sampled_from(
        [
            "word ",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "  ",
            "1. ",
            "> ",
            "```",
            "```py\n",
            "|a|b|\n",
            "|-|-|\n",
            "**",
            "`",
            "    ",
            "===\n",
            "---\n",
            "x" * 40,
        ]
    ),
    max_size=60,
)


def _grow(pieces: list[str]) -> tuple[GrowingMarkdown, list[Segment]]:
    growing = GrowingMarkdown()
    shown: list[Segment] = []
    for piece in pieces:
        change = growing.append(piece)
        shown[change.first :] = change.segments
    return growing, shown


@given(_PIECES)
def test_growing_shows_what_parsing_at_once_shows(pieces: list[str]) -> None:
    _, shown = _grow(pieces)
    assert shown == [c.segment for c in cut("".join(pieces))]


def test_finished_segments_are_not_touched_again() -> None:
    growing, shown = _grow(["text\n\n```\ncode\n```\n\n", "more\n"])
    change = growing.append(" and more")
    assert change.first == len(shown) - 1 == 2


def test_definition_at_the_end_reaches_the_link_above() -> None:
    growing, shown = _grow(["[a][r]\n\n```\nx\n```\n\n", "[r]: https://a.example\n"])
    assert "href" not in str(shown)
    assert 'href="https://a.example"' in str(growing.finish().segments)
