"""One request while it has a slot: its tokens, text, limits and clock. Engine-loop thread only."""

import time
from typing import Literal

from engine.frames import Chunk, Finished, FinishReason, Generate
from engine.runner.prompt import Prompt
from engine.runner.sampling import Sampler
from engine.runner.text import TextStream

MAX_REPEATS = 30
"""The same non-blank token more often than this in a row ends a request (spec 0.2)."""

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
    ) -> None:
        self.request_id = command.request_id
        self.command = command
        self.prompt = prompt.tokens
        self.cached = 0
        """Prompt tokens that the slot still held."""
        self.next_token = -1
        """Sampled, but not yet in the context."""
        self._stopped = False
        """A stop string was found: nothing is left to say."""
        self._dropped = prompt.dropped
        self._sampler = sampler
        self._stream = stream
        self._max_tokens = max_tokens
        self._end_tokens = end_tokens
        self._output: list[int] = []
        self._num_generated = 0
        self._num_unreported = 0
        self._repeats = 0
        self._last_text = ""
        self._arrived_ns = arrived_ns
        self._admitted_ns = time.monotonic_ns()
        self._first_token_ns = 0
        sampler.accept_prompt(prompt.tokens)

    @property
    def is_generating(self) -> bool:
        """The prompt is done and the first token is sampled."""
        return self.next_token >= 0

    def sample(self, logits_address: int) -> int:
        token = self._sampler.sample(logits_address)
        if not self._first_token_ns:
            self._first_token_ns = time.monotonic_ns()
        return token

    def advance(self, token: int) -> tuple[Chunk | None, Verdict]:
        """Take a sampled token: the text it sets free, and whether to go on."""
        self._num_generated += 1
        if token in self._end_tokens:
            return None, "stop"
        self._output.append(token)
        self._num_unreported += 1
        text, stopped = self._stream.feed(token)
        chunk = self._chunk(text)
        if stopped:
            self._stopped = True
            return chunk, "stop"
        if self._num_generated >= self._max_tokens or self._is_stuck(text):
            return chunk, "length"
        self.next_token = token
        return chunk, "go on"

    def _is_stuck(self, text: str) -> bool:
        # Ollama cuts the stream without a word here. "length" at least tells the client that
        # the answer did not end by itself.
        self._repeats = self._repeats + 1 if text == self._last_text else 1
        self._last_text = text
        return self._repeats > MAX_REPEATS and bool(text.strip())

    def _chunk(self, text: str) -> Chunk | None:
        if not text:
            return None
        count, self._num_unreported = self._num_unreported, 0
        return Chunk(self.request_id, text, count)

    def finish(self, reason: FinishReason) -> list[Chunk | Finished]:
        """The closing frames."""
        now = time.monotonic_ns()
        first = self._first_token_ns or now
        rest = self._chunk("" if self._stopped else self._stream.finish())
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
        return [rest, finished] if rest else [finished]

    def close(self) -> None:
        """Frees the sampler. Safe to call twice."""
        self._sampler.close()
