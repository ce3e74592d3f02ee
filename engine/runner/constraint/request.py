"""The constraint of one request: free text first if there is thinking, then the grammar."""

from collections.abc import Callable

from engine.runner.constraint.matcher import GrammarMatcher
from engine.runner.constraint.preamble import Preamble
from engine.runner.constraint.protocol import Logits


class RequestConstraint:
    """A `TokenConstraint`. `compute` hands a matcher to a thread that computes its mask."""

    def __init__(
        self,
        matcher: GrammarMatcher,
        preamble: Preamble | None,
        compute: Callable[[GrammarMatcher], None],
    ) -> None:
        self._matcher = matcher
        self._preamble = preamble
        self._compute = compute

    @property
    def finished(self) -> bool:
        """The text is complete and nothing can follow."""
        return self._preamble is None and self._matcher.is_stopped

    def start_mask(self) -> None:
        """Begin to compute which tokens may come next."""
        if self._preamble is None and self._matcher.needs_mask:
            self._compute(self._matcher)

    def apply(self, logits: Logits) -> None:
        """Forbid what may not come next. Raises ConstraintError."""
        if self._preamble is not None:
            self._preamble.apply(logits)
        else:
            self._matcher.apply(logits)

    def accept(self, token: int) -> int:
        """Follow the output. Raises ConstraintError."""
        if self._preamble is None:
            self._matcher.accept(token)
        else:
            self._preamble.accept(token)
            if self._preamble.is_over:
                self._preamble = None
        return token

    def take_forced(self) -> list[int]:
        """Accept and return what follows without a choice. Raises ConstraintError."""
        taken: list[int] = []
        while forced := self._forced():
            taken += (self.accept(token) for token in forced)
        return taken

    def _forced(self) -> list[int]:
        return self._matcher.forced() if self._preamble is None else self._preamble.forced()

    def close(self) -> None:
        """Waits for a mask that is being computed. Safe to call twice."""
        self._matcher.close()
