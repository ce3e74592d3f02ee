"""llama.cpp's samplers in a chain, and the candidates they work on. Engine-loop thread only.

Pointers stay inside.
"""

import ctypes

from engine.runner.bindings import C
from engine.runner.llama import LlamaError


class SamplerChain:
    """A chain of llama.cpp's samplers, in the order they were added."""

    def __init__(self) -> None:
        params = C.llama_sampler_chain_default_params()
        params.no_perf = True
        self._pointer: int = C.llama_sampler_chain_init(params)

    def add_top_k(self, count: int) -> None:
        self._add(C.llama_sampler_init_top_k(count))

    def add_typical(self, probability: float) -> None:
        self._add(C.llama_sampler_init_typical(probability, 1))

    def add_top_p(self, probability: float) -> None:
        self._add(C.llama_sampler_init_top_p(probability, 1))

    def add_min_p(self, probability: float) -> None:
        self._add(C.llama_sampler_init_min_p(probability, 1))

    def add_temperature(self, temperature: float) -> None:
        self._add(C.llama_sampler_init_temp(temperature))

    def add_penalties(
        self, vocab_size: int, last_n: int, *, repeat: float, frequency: float, presence: float
    ) -> None:
        self._add(C.llama_sampler_init_penalties(vocab_size, last_n, repeat, frequency, presence))

    def add_draw(self, seed: int) -> None:
        """Draw one of the remaining candidates at random."""
        self._add(C.llama_sampler_init_dist(seed))

    def add_greedy(self) -> None:
        self._add(C.llama_sampler_init_greedy())

    def _add(self, sampler: int) -> None:
        C.llama_sampler_chain_add(self._pointer, sampler)

    def accept(self, token: int) -> None:
        C.llama_sampler_accept(self._pointer, token)

    def choose(self, candidates: "Candidates", count: int) -> int:
        """Apply the chain to the first `count` candidates; returns the chosen token.

        Raises LlamaError if the chain chose none.
        """
        array = candidates.array
        array.size = count
        array.selected = -1
        array.sorted = False
        C.llama_sampler_apply(self._pointer, ctypes.byref(array))
        selected = int(array.selected)
        if not 0 <= selected < int(array.size):
            raise LlamaError("no token is left to choose from")
        return int(array.data[selected].id)

    def close(self) -> None:
        """Frees the samplers. Safe to call twice."""
        if self._pointer:
            C.llama_sampler_free(self._pointer)
            self._pointer = 0


class Candidates:
    """Room for one (token, logit, probability) triple per token of the vocabulary."""

    def __init__(self, vocab_size: int) -> None:
        self.buffer = (C.llama_token_data * vocab_size)()
        self.array = C.llama_token_data_array()
        self.array.data = ctypes.cast(self.buffer, C.llama_token_data_p)
