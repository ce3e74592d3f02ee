"""One request while it has a slot: its tokens, text, limits and clock. Engine-loop thread only."""

import time
from collections.abc import Sequence
from typing import Literal

from engine.frames import Chunk, Finished, FinishReason, Generate, TokenLogprob
from engine.runner.constraint.protocol import TokenConstraint
from engine.runner.hooks import LogprobRecorder
from engine.runner.prompt import Prompt
from engine.runner.sampling import Sampler
from engine.runner.speculation.drafting import Drafter
from engine.runner.text import TextStream

MAX_REPEATS = 30
"""The same non-blank token more often than this in a row ends a request (spec 0.2)."""

MAX_REPEATS_CONSTRAINED = 10 * MAX_REPEATS
"""The same where a cut means a broken document and most answers are bounded anyway."""

Verdict = Literal["go on"] | FinishReason


class Generation:
    """From admission to the last token. Close it."""

    def __init__(
        self,
        command: Generate,
        prompt: Prompt,
        sampler: Sampler,
        stream: TextStream,
        *,
        max_tokens: int,
        end_tokens: frozenset[int],
        arrived_ns: int,
        urgency: int,
        constraint: TokenConstraint | None = None,
        recorder: LogprobRecorder | None = None,
    ) -> None:
        self.request_id = command.request_id
        self.command = command
        self.prompt = prompt.tokens
        self.urgency = urgency
        """The smaller, the earlier its prompt is evaluated."""
        self.cached = 0
        """Prompt tokens that the slot still held."""
        self.ahead: list[int] = []
        """Part of the output, but not yet in the context: a sampled token and what is forced
        to follow it."""
        self.constraint = constraint
        self.drafter: Drafter | None = None
        self._stopped = False
        """A stop string was found: nothing is left to say."""
        self._dropped = prompt.dropped
        self._sampler = sampler
        self._stream = stream
        self._recorder = recorder
        self._max_tokens = max_tokens
        self._end_tokens = end_tokens
        self._output: list[int] = []
        self._num_generated = 0
        self.num_unreported = 0
        """Tokens generated since text was last handed out."""
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._repeats = 0
        self._last_text = ""
        self._arrived_ns = arrived_ns
        self._admitted_ns = time.monotonic_ns()
        self._first_token_ns = 0
        sampler.accept_prompt(prompt.tokens)

    @property
    def is_generating(self) -> bool:
        """The prompt is done and the first token is sampled."""
        return bool(self.ahead)

    @property
    def remaining(self) -> int:
        """Tokens that may still be generated."""
        return self._max_tokens - self._num_generated

    def draft(self, room: int) -> Sequence[int]:
        """Guesses at what follows the output, at most `room`."""
        if self.drafter is None:
            self.drafter = Drafter(self.prompt)
        return self.drafter.draft(self._output, min(room, self.remaining - 1))

    def learn(self, drafted: int, accepted: int) -> None:
        """What became of those guesses."""
        if self.drafter is not None:
            self.drafter.learn(drafted, accepted, len(self._output))

    def sample(self, logits_address: int) -> int:
        """The next token of the answer. Raises ConstraintError."""
        token = self._sampler.sample(logits_address)
        if self.constraint is not None:
            token = self.constraint.accept(token)
        if not self._first_token_ns:
            self._first_token_ns = time.monotonic_ns()
        if self._recorder is not None and token not in self._end_tokens:
            self._logprobs.append(self._recorder.record(token))
        return token

    def follow(self, token: int) -> Verdict:
        """Make a token that was taken the next to be evaluated, and take what is forced behind
        it. Raises ConstraintError."""
        self.ahead.append(token)
        constraint = self.constraint
        if constraint is None:
            return "go on"
        # A log-probability needs logits, and so a step, for each token.
        for forced in constraint.take_forced() if self._recorder is None else ():
            self._sampler.accept_forced(forced)
            verdict = self.take(forced)
            if verdict != "go on":
                return verdict
            self.ahead.append(forced)
        return "stop" if constraint.finished else "go on"

    def take(self, token: int) -> Verdict:
        """Put a token into the output; whether to go on."""
        self._num_generated += 1
        if token in self._end_tokens:
            return "stop"
        self._output.append(token)
        self.num_unreported += 1
        text, stopped = self._stream.feed(token)
        if text:
            self._text.append(text)
        if stopped:
            self._stopped = True
            return "stop"
        if self._num_generated >= self._max_tokens or self._is_stuck(text):
            return "length"
        return "go on"

    def _is_stuck(self, text: str) -> bool:
        # Ollama cuts the stream without a word here. "length" at least tells the client that
        # the answer did not end by itself.
        self._repeats = self._repeats + 1 if text == self._last_text else 1
        self._last_text = text
        most = MAX_REPEATS if self.constraint is None else MAX_REPEATS_CONSTRAINED
        return self._repeats > most and bool(text.strip())

    def take_chunk(self, *, even_empty: bool = False) -> Chunk | None:
        """The text that came free since the last time."""
        if not self._text and not even_empty:
            return None
        text = "".join(self._text)
        self._text.clear()
        count, self.num_unreported = self.num_unreported, 0
        logprobs = tuple(self._logprobs)
        self._logprobs.clear()
        return Chunk(self.request_id, text, count, logprobs)

    def finish(self, reason: FinishReason) -> list[Chunk | Finished]:
        """The closing frames."""
        now = time.monotonic_ns()
        first = self._first_token_ns or now
        if not self._stopped and (rest := self._stream.finish()):
            self._text.append(rest)
        chunk = self.take_chunk(even_empty=bool(self._logprobs) and not self._stopped)
        finished = Finished(
            request_id=self.request_id,
            reason=reason,
            prompt_tokens=len(self.prompt),
            cached_tokens=self.cached,
            generated_tokens=self._num_generated,
            truncated_tokens=self._dropped,
            queue_ns=self._admitted_ns - self._arrived_ns,
            prompt_ns=first - self._admitted_ns,
            eval_ns=now - first,
            tokens=(*self.prompt, *self._output),
        )
        return [chunk, finished] if chunk else [finished]

    def close(self) -> None:
        """Frees sampler and constraint. Safe to call twice."""
        self._sampler.close()
        if self.constraint is not None:
            self.constraint.close()
