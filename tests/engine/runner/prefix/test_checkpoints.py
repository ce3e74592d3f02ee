"""Where states are taken: on the way, within the prompt, and one short of its end."""

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.prefix.checkpoints import EVERY, plan_checkpoints


@given(st.integers(0, 9000), st.integers(1, 9000), st.integers(0, 9000))
def test_places_lie_ahead_and_end_one_short(start: int, length: int, branch: int) -> None:
    start, branch = min(start, length - 1), min(branch, length)

    places = plan_checkpoints(start, length, branch)

    assert places == sorted(set(places))
    assert all(start < place < length for place in places)
    assert (length - 1 in places) == (start < length - 1)
    assert (branch in places) == (start < branch < length)
    assert all(
        later - earlier <= 2 * EVERY
        for earlier, later in zip([start, *places], places, strict=False)
    )
