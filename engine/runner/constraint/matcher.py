"""One text in the making and the grammar it must match. The mask may be computed in another
thread; everything else belongs to the engine loop's.
"""

import threading

import numpy as np
from llguidance import LLMatcher

from engine.runner.constraint.protocol import ConstraintError, Logits
from engine.runner.constraint.tokenizer import ConstraintTokenizer

MAX_DIGITS = 32
"""A number has no more digits than this in a row (some models never stop on their own)."""


class GrammarMatcher:
    """llguidance's matcher, a mask, and who is computing it."""

    def __init__(
        self, native: LLMatcher, tokenizer: ConstraintTokenizer, *, bounds_numbers: bool
    ) -> None:
        """`native` becomes ours. `bounds_numbers`: keep numbers below MAX_DIGITS digits."""
        self._native = native
        self._tokenizer = tokenizer
        self._mask = np.zeros(tokenizer.mask_words, dtype=np.uint32)
        self._address = self._mask.ctypes.data
        self._has_mask = False
        self._bounds_numbers = bounds_numbers
        self._num_digits = 0
        self._lock = threading.Lock()
        """Held around every use of `_native`, which does not bear two threads at once."""

    @property
    def needs_mask(self) -> bool:
        return not self._has_mask

    @property
    def is_stopped(self) -> bool:
        """Nothing can follow; also the case in a dead end."""
        with self._lock:
            return self._native.is_stopped()

    def compute_mask(self) -> None:
        """Any thread, without the GIL for most of the time; nothing to do if it is there already.
        Errors are kept for `apply`."""
        with self._lock:
            if not self._has_mask:
                self._native.unsafe_compute_mask_ptr(self._address, self._mask.nbytes)
                self._has_mask = True

    def apply(self, logits: Logits) -> None:
        """Forbid in place. Raises ConstraintError."""
        self.compute_mask()  # or waits for the other thread; one that did not begin is overtaken
        self.check()
        bits = np.unpackbits(
            np.invert(self._mask).view(np.uint8), count=len(logits), bitorder="little"
        )
        if self._num_digits >= MAX_DIGITS:
            self._stop_number(bits)
        forbidden = bits.view(np.bool_)
        if not np.isfinite(logits[forbidden.argmin()]):  # the first allowed one; mostly finite
            self._revive(logits, forbidden)
        logits[forbidden] = -np.inf

    def _stop_number(self, forbidden: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> None:
        """No further digit, if something else may follow and this is no free text."""
        tokenizer = self._tokenizer
        if tokenizer.letter >= 0 and not forbidden[tokenizer.letter]:
            return
        narrowed = forbidden.copy()
        narrowed[tokenizer.digits] = 1
        if not narrowed.all():
            forbidden[:] = narrowed

    @staticmethod
    def _revive(logits: Logits, forbidden: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> None:
        """A bias or the model's file may have ruled out every token that the grammar allows:
        the grammar comes first."""
        allowed = np.flatnonzero(~forbidden)
        if not len(allowed):
            raise ConstraintError("no token of the model fits the format here")
        if not (logits[allowed] > -np.inf).any():
            logits[allowed] = 0

    def accept(self, token: int) -> None:
        """Raises ConstraintError for a token that the mask does not allow."""
        with self._lock:
            self._has_mask = False
            accepted = self._native.consume_token(token)
        if not accepted:
            self.check()
            raise ConstraintError("the model produced a token that the format does not allow")
        if self._bounds_numbers:
            self._count_digits(self._tokenizer.piece(token))

    def _count_digits(self, piece: bytes) -> None:
        rest = len(piece.rstrip(b"0123456789"))
        self._num_digits = len(piece) - rest + (0 if rest else self._num_digits)

    def forced(self) -> list[int]:
        """Tokens that can only be these, not accepted yet."""
        with self._lock:
            tokens = self._native.compute_ff_tokens()
        return [token for token in tokens if token not in self._tokenizer.end_tokens]

    def close(self) -> None:
        """Waits for a mask that is being computed. Safe to call twice."""
        with self._lock:
            self._has_mask = True  # a late thread finds nothing to do

    def check(self) -> None:
        """Raises ConstraintError if the matcher gave up."""
        with self._lock:
            problem = self._native.get_error() if self._native.is_error() else ""
        if problem:
            raise ConstraintError(f"the format is too complex to follow: {first_line(problem)}")


def first_line(text: str) -> str:
    """llguidance adds its whole state behind the message."""
    return text.strip().partition("\n")[0]
