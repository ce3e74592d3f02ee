"""A model's vocabulary as llguidance wants it. Built once per runner, in the compiler's thread.

Building takes about 4 us per token and holds the GIL for most of that time (130 ms for 32k
tokens, 0.6 s for 150k), so it waits for the first request that needs it.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

Tokens = NDArray[np.int64]

_SPECIAL = b"\xff"
"""llguidance's mark of a token that no text can match."""


class VocabularySource(Protocol):
    """What is needed of a `Vocabulary`."""

    size: int
    end_tokens: frozenset[int]

    def piece(self, token: int, *, special: bool) -> bytes: ...
    def is_control(self, token: int) -> bool: ...
    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...
    def native_tokenizer(self) -> tuple[int, int]: ...


class ConstraintTokenizer:
    """llguidance's tokenizer and what else a constraint asks about tokens.

    The vocabulary must stay open as long as this is in use.
    """

    def __init__(self, vocabulary: VocabularySource) -> None:
        self.size = vocabulary.size
        self.end_tokens = vocabulary.end_tokens
        self._vocabulary = vocabulary
        self._pieces = [vocabulary.piece(token, special=True) for token in range(self.size)]
        marked = [
            _SPECIAL + piece if vocabulary.is_control(token) else piece
            for token, piece in enumerate(self._pieces)
        ]
        ends = sorted(vocabulary.end_tokens)
        if not ends:  # a model that never ends by itself: a token it can't sample ends texts
            ends = [len(marked)]
            marked.append(_SPECIAL + b"<end>")
        pointer, function = vocabulary.native_tokenizer()
        self.native: LLTokenizer = LLTokenizer.from_llamacpp(  # type: ignore[attr-defined]
            tokens=marked,
            vocab_ptr=pointer,
            tokenize_fptr=function,
            eos_token=ends,
            slices=None,
        )
        self.mask_words = (len(marked) + 31) // 32

    def piece(self, token: int) -> bytes:
        """A token's bytes, control tokens by their spelling."""
        return self._pieces[token]

    def tokenize(self, text: str) -> list[int]:
        """A text that contains tags, as tokens; tags that are tokens become these."""
        return self._vocabulary.tokenize(text, add_special=False, parse_special=True)

    @cached_property
    def digits(self) -> Tokens:
        """Tokens that begin with a digit."""
        return np.array(
            [token for token, piece in enumerate(self._pieces) if piece[:1].isdigit()],
            dtype=np.int64,
        )

    @cached_property
    def letter(self) -> int:
        """A token that is one letter which no number contains, -1 if there is none."""
        return next(
            (token for token, piece in enumerate(self._pieces) if piece == b"z"),
            -1,
        )

    def find_overshooting(self, tag: bytes) -> Sequence[Tokens]:
        """For each length of a beginning of `tag` that the output may end with: the tokens that
        would complete the tag and go on with more than whitespace."""
        last = tag[-1:]
        likely = [(token, piece) for token, piece in enumerate(self._pieces) if last in piece]
        found = []
        for length in range(len(tag)):
            begun = tag[:length]
            tokens = [token for token, piece in likely if (begun + piece).partition(tag)[2].strip()]
            found.append(np.array(tokens, dtype=np.int64))
        return found
