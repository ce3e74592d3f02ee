"""Values in classes."""

from bisect import bisect_left

from hypothesis import given
from hypothesis import strategies as st

from api.server.figures import Spread

BOUNDS = (0.1, 1, 10)


def test_bounds_belong_to_their_class():
    spread = Spread(BOUNDS)
    for value in (0.1, 0.10001, 1, 10, 11):
        spread.add(value)
    assert spread.counts == [1, 2, 1, 1]


@given(st.lists(st.floats(0, 100)))
def test_nothing_is_lost(values):
    spread = Spread(BOUNDS)
    for value in values:
        spread.add(value)
    assert sum(spread.counts) == len(values)
    assert spread.total == sum(values)
    for index in range(len(BOUNDS) + 1):
        expected = sum(bisect_left(BOUNDS, value) == index for value in values)
        assert spread.counts[index] == expected
