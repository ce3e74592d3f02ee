"""Turns constraints into what follows a request's output. One per runner.

Compiling takes a millisecond as a rule, and a second where the vocabulary is large and this is
the first constraint: it happens in a thread of its own while the engine loop runs on.
llguidance's limits bound what a grammar may cost. Nothing compiled is kept: it would save little
and grow with everything that was ever matched against it.
"""

import time
from collections.abc import Callable, Sequence

from llguidance import LLMatcher, LLParserLimits

from engine.frames import Constraint
from engine.runner.constraint.grammar import build_grammar, explain
from engine.runner.constraint.matcher import GrammarMatcher
from engine.runner.constraint.preamble import Preamble
from engine.runner.constraint.protocol import ConstraintError
from engine.runner.constraint.request import RequestConstraint
from engine.runner.constraint.tokenizer import ConstraintTokenizer, Tokens, VocabularySource
from engine.runner.constraint.workers import Worker

MAX_COMPILE_S = 2.0

OnCompiled = Callable[[RequestConstraint | ConstraintError], None]


class ConstraintCompiler:
    """Close it before the model."""

    def __init__(self, vocabulary: VocabularySource) -> None:
        self._vocabulary = vocabulary
        self._tokenizer: ConstraintTokenizer | None = None
        self._limits = LLParserLimits(verbose_errors=False)
        self._overshooting: dict[str, Sequence[Tokens]] = {}
        self._compilations = Worker("constraint compiler")
        self._masks = Worker("constraint masks")

    def submit(self, constraint: Constraint, on_compiled: OnCompiled) -> None:
        """Engine-loop thread. `on_compiled` is called exactly once, in the compiler's thread."""
        self._compilations.submit(lambda: on_compiled(self._try_compile(constraint)))

    def close(self) -> None:
        """Finishes what was submitted. Safe to call twice."""
        self._compilations.close()
        self._masks.close()

    def _try_compile(self, constraint: Constraint) -> RequestConstraint | ConstraintError:
        try:
            return self.compile(constraint)
        except ConstraintError as exc:
            return exc
        except Exception as exc:  # noqa: BLE001  a thread's entry: the request must be answered
            return ConstraintError(f"the format cannot be used: {exc}")

    def compile(self, constraint: Constraint) -> RequestConstraint:
        """Compiler's thread. Raises ConstraintError."""
        grammar = build_grammar(constraint)
        if self._tokenizer is None:
            self._tokenizer = ConstraintTokenizer(self._vocabulary)
        matcher = self._compile(constraint, grammar, self._tokenizer)
        preamble = self._preamble(constraint, self._tokenizer)
        return RequestConstraint(matcher, preamble, self._compute_mask)

    def _compile(
        self, constraint: Constraint, grammar: str, tokenizer: ConstraintTokenizer
    ) -> GrammarMatcher:
        started = time.monotonic()
        native = LLMatcher(tokenizer.native, grammar, log_level=0, limits=self._limits)
        if not native.is_error():
            matcher = GrammarMatcher(
                native, tokenizer, bounds_numbers=constraint.kind in ("json", "json_schema")
            )
            matcher.compute_mask()  # finds dead ends, and is needed first
        if native.is_error():
            raise ConstraintError(explain(constraint, native.get_error()))
        if time.monotonic() - started > MAX_COMPILE_S:
            raise ConstraintError(explain(constraint, "it takes too long to compile"))
        return matcher

    def _preamble(self, constraint: Constraint, tokenizer: ConstraintTokenizer) -> Preamble | None:
        closing = constraint.after
        if not closing:
            return None
        overshooting = self._overshooting.get(closing)
        if overshooting is None:
            overshooting = tokenizer.find_overshooting(closing.encode())
            self._overshooting[closing] = overshooting
        return Preamble(tokenizer, constraint, overshooting)

    def _compute_mask(self, matcher: GrammarMatcher) -> None:
        self._masks.submit(matcher.compute_mask)
