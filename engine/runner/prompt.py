"""A request's prompt as the tokens that will be evaluated (spec 0.2). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


class PromptError(ValueError):
    """The prompt cannot be evaluated; the message is fit for the user."""


class Tokenizer(Protocol):
    """What a prompt needs of a vocabulary."""

    size: int
    bos: int
    adds_bos: bool

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...


@dataclass(frozen=True)
class Prompt:
    """Tokens to evaluate."""

    tokens: list[int]
    dropped: int = 0
    """How many tokens were taken out of the middle because the prompt did not fit."""


@dataclass(frozen=True)
class Limits:
    """What may be done to a prompt that does not fit."""

    num_ctx: int
    num_keep: int
    can_truncate: bool


def prepare_prompt(source: str | Sequence[int], vocabulary: Tokenizer, limits: Limits) -> Prompt:
    """Tokenise and fit. Raises PromptError."""
    if isinstance(source, str):
        tokens = _tokenize(source, vocabulary)
    else:
        tokens = list(source)
        for token in tokens:
            if not 0 <= token < vocabulary.size:
                raise PromptError(f"token {token} is not in the model's vocabulary")
    if not tokens:
        raise PromptError("the prompt is empty")
    if len(tokens) < limits.num_ctx:
        return Prompt(tokens)
    if not limits.can_truncate:
        raise PromptError(TOO_LONG)
    return _drop_middle(tokens, vocabulary, limits)


def _tokenize(text: str, vocabulary: Tokenizer) -> list[int]:
    tokens = vocabulary.tokenize(text, add_special=True, parse_special=True)
    if vocabulary.adds_bos and tokens[:2] == [vocabulary.bos, vocabulary.bos]:
        del tokens[0]  # the template wrote one already
    return tokens


def clamp_keep(num_keep: int, bos: bool, num_ctx: int) -> int:
    """How many leading tokens survive truncation and shifting; negative asks for all.

    A few tokens are always left to drop, or nothing could ever be generated.
    """
    keep = num_ctx if num_keep < 0 else num_keep + bos
    return max(0, min(keep, num_ctx - 4))


def _drop_middle(tokens: list[int], vocabulary: Tokenizer, limits: Limits) -> Prompt:
    has_bos = vocabulary.adds_bos and tokens[0] == vocabulary.bos
    keep = clamp_keep(limits.num_keep, has_bos, limits.num_ctx)
    total = limits.num_ctx - max((limits.num_ctx - keep) // 2, 1)
    tail = total - keep
    fitted = tokens[:keep] + tokens[len(tokens) - tail :]
    return Prompt(fitted, dropped=len(tokens) - len(fitted))
