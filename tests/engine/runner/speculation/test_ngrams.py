"""The index against the obvious search."""

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.speculation.ngrams import NgramIndex


def naive(tokens: list[int], length: int) -> int:
    """Behind the latest earlier occurrence of the last `length` tokens."""
    end = tokens[len(tokens) - length :]
    for place in range(len(tokens) - 1, length - 1, -1):
        if tokens[place - length : place] == end:
            return place
    return -1


@given(
    st.lists(st.integers(0, 2), max_size=60),
    st.lists(st.integers(1, 7), max_size=60),
    st.integers(1, 5),
)
def test_finds_what_a_search_finds(tokens: list[int], steps: list[int], length: int) -> None:
    index = NgramIndex(length)
    known = 0
    for step in [*steps, 60]:
        known = min(len(tokens), known + step)
        index.extend(tokens[:known])
        expected = naive(tokens[:known], length) if known > length else -1
        assert index.find(tokens[:known]) == expected


def test_nothing_is_found_where_nothing_repeats() -> None:
    tokens = list(range(1000))
    index = NgramIndex(12)
    index.extend(tokens)

    assert index.find(tokens) == -1
