"""Inputs of embedding requests as the token sequences that are computed (spec 1.7). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

TOO_LONG = "the input length exceeds the context length"
NO_ROOM = "input after truncation exceeds maximum context length"
EMPTY = "the input is empty"


class InputError(ValueError):
    """The input cannot be computed; the message is fit for the user."""


class Tokenizer(Protocol):
    """What an input needs of a vocabulary."""

    size: int
    bos: int
    eos: int

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...


@dataclass(frozen=True)
class Prepared:
    """Tokens to compute."""

    tokens: Sequence[int]
    dropped: int = 0
    """How many were cut off because the input was too long."""


class InputReader:
    """Tokenises and fits. Knows where a model's tokenizer puts its special tokens."""

    def __init__(self, vocabulary: Tokenizer, num_ctx: int) -> None:
        self._vocabulary = vocabulary
        self._num_ctx = num_ctx
        plain = vocabulary.tokenize("a", add_special=False, parse_special=True)
        full = vocabulary.tokenize("a", add_special=True, parse_special=True)
        start = next(
            (at for at in range(len(full)) if full[at : at + len(plain)] == plain), len(full)
        )
        self._before = start
        self._after = max(0, len(full) - start - len(plain))

    def read(self, source: str | Sequence[int], *, truncate: bool) -> Prepared:
        """Raises InputError."""
        if not isinstance(source, str):
            return self._read_tokens(source, truncate)
        tokens = self._vocabulary.tokenize(source, add_special=True, parse_special=True)
        end = len(tokens) - self._after
        text = tokens[self._before : end]
        limit = self._limit(text)
        if len(text) <= limit:
            if not tokens:
                raise InputError(EMPTY)
            return Prepared(tokens)
        if limit <= 0:
            raise InputError(NO_ROOM)
        if not truncate:
            raise InputError(TOO_LONG)
        fitted = tokens[: self._before] + text[:limit] + tokens[end:]
        return Prepared(fitted, len(text) - limit)

    def _limit(self, text: list[int]) -> int:
        """Most tokens of a text: room is kept for a special token at each end (spec 1.7)."""
        limit = self._num_ctx
        limit -= not text or text[0] != self._vocabulary.bos
        limit -= not text or text[-1] != self._vocabulary.eos
        # A tokenizer that adds more than the two must not get past the context either.
        return min(limit, self._num_ctx - self._before - self._after)

    def _read_tokens(self, tokens: Sequence[int], truncate: bool) -> Prepared:
        for token in tokens:
            if not 0 <= token < self._vocabulary.size:
                raise InputError(f"token {token} is not in the model's vocabulary")
        if not tokens:
            raise InputError(EMPTY)
        if len(tokens) <= self._num_ctx:
            return Prepared(tokens)
        if not truncate:
            raise InputError(TOO_LONG)
        return Prepared(tokens[: self._num_ctx], len(tokens) - self._num_ctx)
