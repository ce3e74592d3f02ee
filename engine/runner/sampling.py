"""Choice of the next token from logits: one `Sampler` per request. Engine-loop thread only.

The order is llama-server's: penalties, top_k, typical_p, top_p, min_p, temperature, draw. What
it does differently is speed. llama.cpp's own road builds 12 bytes for every token of the
vocabulary and works on those; here numpy narrows the logits down to the top_k first, and only
these go through the C chain, which then sees what its own top_k would have left.
"""

import ctypes
import math
import secrets
from collections import deque
from collections.abc import Sequence

import numpy as np

from engine.frames import Sampling
from engine.runner.constraint.protocol import Logits, TokenConstraint
from engine.runner.hooks import LogprobRecorder
from engine.runner.sampler_chain import Candidates, SamplerChain

_MAX_TOP_K = 1024
"""Above it narrowing down does not pay."""

_BLOCKS_PER_K = 4


class SamplingError(ValueError):
    """A setting no sampler can work with; the message is fit for the user."""


def check_sampling(sampling: Sampling) -> None:
    """Raises SamplingError. Nothing unchecked may reach C."""
    for name in sampling.__struct_fields__:
        if not math.isfinite(getattr(sampling, name)):
            raise SamplingError(f"{name} must be finite")
    if sampling.repeat_penalty <= 0:
        raise SamplingError("repeat_penalty must be greater than 0")


def check_bias(pairs: Sequence[tuple[int, float]], vocab_size: int) -> None:
    """Raises SamplingError."""
    for token, value in pairs:
        if not 0 <= token < vocab_size:
            raise SamplingError(f"token {token} is not in the model's vocabulary")
        if math.isnan(value) or value == math.inf:
            raise SamplingError("logit_bias must be a number")


class CandidateTable:
    """Candidates as C sees them and as numpy sees them: the same memory."""

    def __init__(self, vocab_size: int, suppressed: Sequence[int] = ()) -> None:
        self.vocab_size = vocab_size
        self.suppressed = np.array(suppressed, dtype=np.int64)
        self.candidates = Candidates(vocab_size)
        table = np.frombuffer(
            memoryview(self.candidates.buffer),
            dtype=np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)]),
        )
        self._ids = table["id"]
        self._logits = table["logit"]
        self._all = np.arange(vocab_size, dtype=np.int32)

    def logits_at(self, address: int) -> Logits:
        """The logits of llama.cpp as a writable array; valid until the next decode."""
        memory = (ctypes.c_float * self.vocab_size).from_address(address)
        return np.frombuffer(memoryview(memory), dtype=np.float32)

    def fill(self, logits: Logits, top_k: int) -> int:
        """Write candidates, at least the `top_k` best if positive; returns how many."""
        if not 0 < top_k <= _MAX_TOP_K or top_k * _BLOCKS_PER_K >= self.vocab_size:
            self._ids[:] = self._all
            self._logits[:] = logits
            return self.vocab_size
        threshold = self._threshold(logits, top_k)
        if threshold > -np.inf:
            chosen = np.flatnonzero(logits >= threshold)
            is_enough = len(chosen) >= top_k
        else:  # a constraint left fewer than top_k
            chosen = np.flatnonzero(logits > -np.inf)
            is_enough = len(chosen) > 0
        count = len(chosen)
        if not is_enough:  # NaN among the logits
            return self.fill(logits, 0)
        self._ids[:count] = chosen
        self._logits[:count] = logits[chosen]
        return count

    @staticmethod
    def _threshold(logits: Logits, top_k: int) -> np.float32:
        """A value that at least `top_k` logits reach, and only few more.

        The best of each of n columns are n different tokens, so the k-th best of the bests is
        reached by k tokens or more. One vectorised pass instead of a sort.
        """
        columns = max(top_k * _BLOCKS_PER_K, 512)
        rows = len(logits) // columns
        if rows < 2:
            return np.float32(np.partition(logits, -top_k)[-top_k])
        bests = logits[: rows * columns].reshape(rows, columns).max(axis=0)
        return np.float32(np.partition(bests, -top_k)[-top_k])


class Penalties:
    """Lowers the logits of recent tokens, as llama.cpp's sampler of that name does.

    Touches the few recent tokens instead of looking up every token of the vocabulary.
    """

    def __init__(self, sampling: Sampling, num_ctx: int) -> None:
        last_n = sampling.repeat_last_n if sampling.repeat_last_n >= 0 else num_ctx
        self._repeat = np.float32(sampling.repeat_penalty)
        self._frequency = np.float32(sampling.frequency_penalty)
        self._presence = np.float32(sampling.presence_penalty)
        self._last_n = min(last_n, num_ctx)
        self._recent: deque[int] = deque()
        self._counts: dict[int, int] = {}
        self.active = self._last_n > 0 and (
            sampling.repeat_penalty != 1.0
            or sampling.frequency_penalty != 0.0
            or sampling.presence_penalty != 0.0
        )

    def accept_prompt(self, tokens: Sequence[int]) -> None:
        """llama-server counts the prompt's tokens too."""
        if self.active:
            for token in tokens[-self._last_n :]:
                self.accept(token)

    def accept(self, token: int) -> None:
        if not self.active:
            return
        counts = self._counts
        self._recent.append(token)
        counts[token] = counts.get(token, 0) + 1
        if len(self._recent) > self._last_n:
            oldest = self._recent.popleft()
            counts[oldest] -= 1
            if not counts[oldest]:
                del counts[oldest]

    def apply(self, logits: Logits) -> None:
        """Changes `logits` in place."""
        if not self._counts:
            return
        ids = np.fromiter(self._counts.keys(), dtype=np.int64, count=len(self._counts))
        counts = np.fromiter(self._counts.values(), dtype=np.float32, count=len(self._counts))
        values = logits[ids]
        # Dividing a negative logit would make the token likelier.
        values = np.where(values <= 0, values * self._repeat, values / self._repeat)
        logits[ids] = values - (counts * self._frequency + self._presence)


class Bias:
    """A client's wishes: values added to the logits of some tokens."""

    NEVER = -100.0
    """This and less forbids a token, as OpenAI defines it."""

    def __init__(self, pairs: Sequence[tuple[int, float]]) -> None:
        """Tokens must be in the vocabulary."""
        wishes = dict(pairs)
        self._ids = np.fromiter(wishes.keys(), dtype=np.int64, count=len(wishes))
        values = np.fromiter(wishes.values(), dtype=np.float32, count=len(wishes))
        self._values = np.where(values <= self.NEVER, np.float32(-np.inf), values)

    def apply(self, logits: Logits) -> None:
        """Changes `logits` in place."""
        logits[self._ids] += self._values


class Sampler:
    """Chooses the tokens of one request. Close it."""

    def __init__(
        self,
        sampling: Sampling,
        table: CandidateTable,
        num_ctx: int,
        *,
        bias: Sequence[tuple[int, float]] = (),
        constraint: TokenConstraint | None = None,
        recorder: LogprobRecorder | None = None,
    ) -> None:
        """Raises SamplingError."""
        check_sampling(sampling)
        self._table = table
        self._bias = Bias(bias) if bias else None
        self._constraint = constraint
        self._recorder = recorder
        self._penalties = Penalties(sampling, num_ctx)
        self._top_k = sampling.top_k
        greedy = sampling.temperature <= 0
        # typical_p may drop the likeliest token; nothing else before the temperature does.
        self._chain = None if greedy and sampling.typical_p >= 1 else _build_chain(sampling)

    def accept_prompt(self, tokens: Sequence[int]) -> None:
        """Call once, before the first `sample`."""
        self._penalties.accept_prompt(tokens)

    def sample(self, address: int) -> int:
        """The next token, from the logits at an address; they may be changed in place."""
        table = self._table
        logits = table.logits_at(address)
        if self._recorder is not None:
            self._recorder.snapshot(logits)
        if self._bias is not None:
            self._bias.apply(logits)
        if len(table.suppressed):
            logits[table.suppressed] = -np.inf
        if self._penalties.active:
            self._penalties.apply(logits)
        if self._constraint is not None:
            self._constraint.apply(logits)
        if self._chain is None:
            token = int(logits.argmax())
        else:
            count = table.fill(logits, self._top_k)
            token = self._chain.choose(table.candidates, count)
        self._penalties.accept(token)
        return token

    def accept_forced(self, token: int) -> None:
        """A token that goes into the output without having been sampled."""
        self._penalties.accept(token)

    def close(self) -> None:
        """Frees the chain. Safe to call twice."""
        if self._chain is not None:
            self._chain.close()


def _build_chain(sampling: Sampling) -> SamplerChain:
    chain = SamplerChain()
    if sampling.top_k > 0:
        chain.add_top_k(sampling.top_k)
    if sampling.typical_p < 1:
        chain.add_typical(sampling.typical_p)
    if sampling.temperature <= 0:
        chain.add_greedy()
        return chain
    if sampling.top_p < 1:
        chain.add_top_p(sampling.top_p)
    if sampling.min_p > 0:
        chain.add_min_p(sampling.min_p)
    if sampling.temperature != 1:
        chain.add_temperature(sampling.temperature)
    chain.add_draw(choose_seed(sampling.seed))
    return chain


def choose_seed(seed: int) -> int:
    """A seed for C. Negative: random, and never the value that llama.cpp takes for 'random'."""
    return seed % 0xFFFF_FFFF if seed >= 0 else secrets.randbelow(0xFFFF_FFFF)
