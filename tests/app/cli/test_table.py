from hypothesis import given
from hypothesis import strategies as st

from app.cli.table import format_table, text_width


def test_columns_are_as_wide_as_their_widest_cell_and_four_spaces() -> None:
    assert format_table([("NAME", "ID"), ("tiny:latest", "4")]) == (
        "NAME           ID    \ntiny:latest    4     \n"
    )


def test_wide_characters_count_twice() -> None:
    assert text_width("模型e\u0301") == 5
    assert format_table([("模型", "x"), ("abcd", "y")]) == "模型    x    \nabcd    y    \n"


def test_long_cells_wrap_at_words_and_long_words_stay_whole() -> None:
    assert format_table([("", "aaa bbb", "x"), ("", "ccccccc", "y")], cell_width=5) == (
        "    aaa        x    \n    bbb             \n    ccccccc    y    \n"
    )


def test_short_rows_are_filled_up() -> None:
    assert format_table([("a",), ("b", "c")]) == "a         \nb    c    \n"


@given(st.lists(st.lists(st.text("ab c", max_size=12), max_size=4), max_size=4))
def test_all_lines_are_equally_long(rows: list[list[str]]) -> None:
    lines = format_table(rows, cell_width=6).splitlines()
    assert len({len(line) for line in lines}) <= 1
