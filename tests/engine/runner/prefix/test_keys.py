"""Names of states: equal only for what is equal."""

from hypothesis import given
from hypothesis import strategies as st

from engine.runner.prefix.keys import BLOCK_TOKENS, hash_blocks, hash_sequence, hash_settings

token = st.integers(0, 2**31 - 1)


def tokens_of(length: int, seed: int = 0) -> list[int]:
    return [(index * 7919 + seed) % 50_000 for index in range(length)]


@given(st.integers(0, 4 * BLOCK_TOKENS), st.integers(0, 4 * BLOCK_TOKENS), st.integers(0, 2))
def test_equal_hashes_mean_equal_beginnings(length: int, changed: int, seed: int) -> None:
    one = tokens_of(length)
    other = list(one)
    if changed < length:
        other[changed] += seed
    left, right = hash_blocks(one), hash_blocks(other)

    assert len(left) == length // BLOCK_TOKENS
    for count, (first, second) in enumerate(zip(left, right, strict=True), start=1):
        end = count * BLOCK_TOKENS
        assert (first == second) == (one[:end] == other[:end])
    assert (hash_sequence(one, left) == hash_sequence(other, right)) == (one == other)


@given(st.lists(token, max_size=700), st.integers(0, 700))
def test_hashes_of_a_beginning_are_the_first_ones(tokens: list[int], length: int) -> None:
    assert hash_blocks(tokens[:length]) == hash_blocks(tokens)[: len(tokens[:length]) // 256]


def test_sequence_and_its_last_block_have_different_names() -> None:
    tokens = tokens_of(BLOCK_TOKENS)
    blocks = hash_blocks(tokens)

    assert hash_sequence(tokens, blocks) not in blocks
    assert hash_sequence([], []) != hash_sequence([0], [])


names = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4)


@given(names, names)
def test_only_equal_settings_share_a_folder(one: dict[str, str], other: dict[str, str]) -> None:
    assert (hash_settings(one) == hash_settings(other)) == (one == other)
    assert hash_settings(dict(reversed(one.items()))) == hash_settings(one)
