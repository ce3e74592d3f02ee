"""The free text in front of a constrained one: thinking, from its opening to its closing tag.

Engine-loop thread only. The constraint starts exactly behind the closing tag, at the border of a
token: a token that would complete the tag and go on with something else is never sampled.
Whitespace after the tag belongs to the tag (nobody shows it). A model that wants to end its
answer while it still thinks, or has used up the tokens it may think with, gets the closing tag
put into its mouth.
"""

from collections.abc import Sequence

import numpy as np

from engine.frames import Constraint
from engine.runner.constraint.protocol import Logits
from engine.runner.constraint.tokenizer import ConstraintTokenizer, Tokens


class Preamble:
    """Follows the output until the closing tag is complete."""

    def __init__(
        self,
        tokenizer: ConstraintTokenizer,
        constraint: Constraint,
        overshooting: Sequence[Tokens],
    ) -> None:
        """`overshooting`: of `ConstraintTokenizer.find_overshooting(constraint.after)`."""
        self.is_over = False
        self._tokenizer = tokenizer
        self._closing = tokenizer.tokenize(constraint.after)
        self._tag = constraint.after.encode()
        self._left = constraint.within
        """Tokens until the closing tag is forced; 0 and less: it is, or never will be."""
        self._overshooting = overshooting
        self._matched = 0
        """How much of the closing tag the output ends with."""
        self._ends = np.array(sorted(tokenizer.end_tokens), dtype=np.int64)
        opening = constraint.opening
        self._forced = tokenizer.tokenize(opening) if opening else []
        """The rest of a tag that must come next."""

    def apply(self, logits: Logits) -> None:
        """Forbid what would run over the closing tag, end tokens, and what is not forced."""
        if not self._forced and int(logits.argmax()) in self._tokenizer.end_tokens:
            self._forced = list(self._closing)
        if self._forced:
            logits[:] = -np.inf
            logits[self._forced[0]] = 0
            return
        logits[self._ends] = -np.inf
        logits[self._overshooting[self._matched]] = -np.inf

    def accept(self, token: int) -> None:
        """Follow the output."""
        if self._forced and token == self._forced[0]:
            del self._forced[0]
        self._left -= 1
        if self._left == 0:
            self._forced += self._closing
        text = self._tag[: self._matched] + self._tokenizer.piece(token)
        if self._tag in text:
            self.is_over = True
            return
        longest = min(len(text), len(self._tag) - 1)
        self._matched = next(
            length for length in range(longest, -1, -1) if text.endswith(self._tag[:length])
        )

    def forced(self) -> list[int]:
        """What must come next."""
        return list(self._forced)
