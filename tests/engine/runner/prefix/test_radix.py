"""The radix index answers as a list of all sequences would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.prefix.radix import RadixIndex, common_prefix

short = st.lists(st.integers(0, 2), max_size=9)
# Longer than the stride in which sequences are compared, and alike for most of their length.
long = st.builds(
    lambda length, tail: [7] * length + tail, st.integers(0, 600), st.lists(st.integers(0, 2))
)
tokens = short | long


def naive_prefix(left: list[int], right: list[int]) -> int:
    length = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        length += 1
    return length


@given(left=tokens, right=tokens)
def test_common_prefix_is_common_and_longest(left: list[int], right: list[int]) -> None:
    assert common_prefix(left, right) == naive_prefix(left, right)


@given(st.data())
def test_index_agrees_with_a_list(data: st.DataObject) -> None:
    index: RadixIndex[int] = RadixIndex()
    held: list[tuple[list[int], int]] = []
    for step in range(data.draw(st.integers(1, 15))):
        if held and data.draw(st.booleans()):
            pair = held.pop(data.draw(st.integers(0, len(held) - 1)))
            index.remove(*pair)
        else:
            held.append((data.draw(tokens), step))
            index.insert(*held[-1])
        asked = data.draw(tokens | st.sampled_from([sequence for sequence, _ in held] or [[]]))

        length, value = index.find_longest(asked)
        contained = list(index.find_contained(asked))

        longest = max((naive_prefix(sequence, asked) for sequence, _ in held), default=0)
        assert length == longest
        sharing = [number for sequence, number in held if naive_prefix(sequence, asked) == longest]
        assert value in sharing if longest else value is None
        assert sorted(contained) == sorted(
            (len(sequence), number)
            for sequence, number in held
            if asked[: len(sequence)] == sequence
        )
        assert [size for size, _ in contained] == sorted(size for size, _ in contained)


@given(st.lists(tokens, max_size=8))
def test_nothing_is_left_of_what_was_removed(sequences: list[list[int]]) -> None:
    index: RadixIndex[int] = RadixIndex()
    for number, sequence in enumerate(sequences):
        index.insert(sequence, number)
        index.insert(sequence, number)
    for number, sequence in enumerate(sequences):
        index.remove(sequence, number)

    assert not index._root.children
    assert not index._root.values


def test_removing_what_is_not_there_is_an_error() -> None:
    index: RadixIndex[str] = RadixIndex()
    index.insert([1, 2, 3], "a")

    for sequence, value in (([1, 2], "a"), ([1, 2, 3], "b"), ([9], "a"), ([], "a")):
        with pytest.raises(KeyError):
            index.remove(sequence, value)
    assert index.find_longest([1, 2, 9]) == (2, "a")
