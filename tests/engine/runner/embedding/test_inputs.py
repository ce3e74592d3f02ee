"""How texts are cut to fit, for every place where a tokenizer may put its special tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runner.embedding.inputs import NO_ROOM, TOO_LONG, InputError, InputReader

BOS, EOS = 1, 2


class Letters:
    """A tokenizer: a token per character, special tokens around as it was told."""

    size = 2000
    bos = BOS
    eos = EOS

    def __init__(self, before: int, after: int) -> None:
        self.before, self.after = before, after

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        assert parse_special
        tokens = [{"^": BOS, "$": EOS}.get(one, ord(one)) for one in text]
        return [BOS] * self.before + tokens + [EOS] * self.after if add_special else tokens


places = st.builds(Letters, st.integers(0, 2), st.integers(0, 2))


@given(places, st.text("ab^$", min_size=1, max_size=40), st.integers(5, 30))
def test_cut_inputs_keep_their_beginning_and_special_tokens(vocabulary, text, num_ctx):
    prepared = InputReader(vocabulary, num_ctx).read(text, truncate=True)
    whole = vocabulary.tokenize(text, add_special=True, parse_special=True)
    kept = len(prepared.tokens) - vocabulary.before - vocabulary.after
    assert len(prepared.tokens) <= num_ctx
    assert len(prepared.tokens) + prepared.dropped == len(whole)
    assert list(prepared.tokens) == (
        whole[: vocabulary.before + kept] + whole[len(whole) - vocabulary.after :]
    )
    if prepared.dropped:
        assert kept >= num_ctx - 4
        with pytest.raises(InputError, match=TOO_LONG):
            InputReader(vocabulary, num_ctx).read(text, truncate=False)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("x" * 20, 8), ("^" + "x" * 20, 9), ("x" * 20 + "$", 9), ("^" + 20 * "$", 10)],
)
def test_room_is_kept_at_ends_without_the_special_token(text, kept):
    prepared = InputReader(Letters(0, 0), 10).read(text, truncate=True)
    assert (len(prepared.tokens), prepared.dropped) == (kept, len(text) - kept)


@pytest.mark.parametrize("num_ctx", [1, 2])
def test_context_without_room_for_text_is_an_error(num_ctx):
    with pytest.raises(InputError, match=NO_ROOM):
        InputReader(Letters(1, 1), num_ctx).read("text", truncate=True)


@given(st.lists(st.integers(0, 1999), min_size=1, max_size=30), st.integers(1, 20))
def test_tokens_are_cut_to_the_context(tokens, num_ctx):
    prepared = InputReader(Letters(1, 1), num_ctx).read(tokens, truncate=True)
    assert list(prepared.tokens) == tokens[:num_ctx]
    assert prepared.dropped == max(0, len(tokens) - num_ctx)
