"""Prompts that fit, and what happens to those that don't (spec 0.2)."""

import pytest

from engine.runner.prompt import TOO_LONG, Limits, PromptError, clamp_keep, prepare_prompt


class Letters:
    """A letter is a token; 0 is BOS."""

    size = 128
    bos = 0

    def __init__(self, *, adds_bos: bool = False) -> None:
        self.adds_bos = adds_bos

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        tokens = [0 if letter == "^" else ord(letter) for letter in text]
        return [self.bos, *tokens] if add_special and self.adds_bos else tokens


def limits(num_ctx: int = 16, num_keep: int = 4, *, can_truncate: bool = True) -> Limits:
    return Limits(num_ctx=num_ctx, num_keep=num_keep, can_truncate=can_truncate)


@pytest.mark.parametrize("length", [1, 14, 15])
def test_prompt_below_the_context_is_left_alone(length: int) -> None:
    tokens = list(range(length))

    prompt = prepare_prompt(tokens, Letters(), limits(16))

    assert (prompt.tokens, prompt.dropped) == (tokens, 0)


@pytest.mark.parametrize("length", [16, 17, 100])
def test_longer_prompt_loses_its_middle(length: int) -> None:
    tokens = list(range(length))

    prompt = prepare_prompt(tokens, Letters(), limits(16, 4))

    # 16 - max((16 - 4) / 2, 1) = 10 tokens: the first 4 and the last 6
    assert prompt.tokens == tokens[:4] + tokens[-6:]
    assert prompt.dropped == length - 10


def test_bos_is_kept_on_top_of_num_keep() -> None:
    prompt = prepare_prompt("a" * 30, Letters(adds_bos=True), limits(16, 3))

    assert prompt.tokens == [0, 97, 97, 97] + [97] * 6
    assert prompt.dropped == 31 - 10


@pytest.mark.parametrize("length", [16, 17])
def test_longer_prompt_fails_where_truncation_is_forbidden(length: int) -> None:
    with pytest.raises(PromptError) as caught:
        prepare_prompt([1] * length, Letters(), limits(16, can_truncate=False))

    assert str(caught.value) == TOO_LONG


@pytest.mark.parametrize("num_keep", [-1, 0, 1, 12, 13, 16, 10_000])
@pytest.mark.parametrize("num_ctx", [4, 5, 16])
def test_any_num_keep_leaves_a_prompt_that_fits(num_keep: int, num_ctx: int) -> None:
    prompt = prepare_prompt(list(range(100)), Letters(), limits(num_ctx, num_keep))

    assert 0 < len(prompt.tokens) < num_ctx
    assert prompt.tokens[-1] == 99
    assert 0 <= clamp_keep(num_keep, False, num_ctx) <= num_ctx - 4


def test_bos_in_the_text_is_not_doubled() -> None:
    assert prepare_prompt("^a", Letters(adds_bos=True), limits()).tokens == [0, 97]
    assert prepare_prompt("a", Letters(adds_bos=True), limits()).tokens == [0, 97]
    assert prepare_prompt("^^a", Letters(), limits()).tokens == [0, 0, 97]


def test_empty_prompt_is_bos_or_an_error() -> None:
    assert prepare_prompt("", Letters(adds_bos=True), limits()).tokens == [0]
    with pytest.raises(PromptError, match="the prompt is empty"):
        prepare_prompt("", Letters(), limits())
    with pytest.raises(PromptError, match="the prompt is empty"):
        prepare_prompt((), Letters(adds_bos=True), limits())


@pytest.mark.parametrize("token", [-1, 128, 2**31, -(2**63)])
def test_foreign_token_is_refused(token: int) -> None:
    with pytest.raises(PromptError, match=f"token {token} is not in the model's vocabulary"):
        prepare_prompt((1, token), Letters(), limits())
