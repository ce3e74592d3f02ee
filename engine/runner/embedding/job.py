"""One request while its inputs are computed, pack by pack. Embedding-loop thread only."""

from collections.abc import Callable

import numpy as np

from engine import frames
from engine.runner.embedding.context import Vector
from engine.runner.embedding.inputs import Prepared
from engine.runner.embedding.vectors import Matrix

Read = Callable[[int], Prepared]
"""The tokens of input number so-and-so. Raises InputError."""
Finish = Callable[["Job"], frames.Frame]
"""The answer, once all inputs have their rows. Raises InputError."""


class Job:
    """Hands out inputs in order and collects a row of numbers for each."""

    def __init__(
        self, request_id: int, num_inputs: int, width: int, read: Read, finish: Finish
    ) -> None:
        self.request_id = request_id
        self.num_inputs = num_inputs
        self.rows: Matrix = np.zeros((num_inputs, width), np.float32)
        self.prompt_tokens = 0
        self.truncated_tokens = 0
        self._read = read
        self._finish = finish
        self._next = 0
        self._done = 0
        self._prepared: Prepared | None = None

    @property
    def has_inputs(self) -> bool:
        """Some have not been handed out."""
        return self._next < self.num_inputs

    @property
    def is_complete(self) -> bool:
        """Every input has its row."""
        return self._done == self.num_inputs

    def peek(self) -> Prepared:
        """The next input, tokenised when it is its turn. Raises InputError."""
        if self._prepared is None:
            self._prepared = self._read(self._next)
        return self._prepared

    def take(self) -> int:
        """Hand the peeked input out; returns its number."""
        assert self._prepared is not None
        self._prepared = None
        self._next += 1
        return self._next - 1

    def put(self, number: int, prepared: Prepared, row: Vector) -> None:
        """The result of an input that was handed out."""
        self.rows[number] = row
        self.prompt_tokens += len(prepared.tokens)
        self.truncated_tokens += prepared.dropped
        self._done += 1

    def give_back(self, number: int) -> None:
        """An input was not computed after all. Call for the latest first."""
        self._next = min(self._next, number)
        self._prepared = None

    def report(self) -> frames.Frame:
        """Raises InputError."""
        return self._finish(self)


def cancelled(request_id: int) -> frames.Finished:
    """The end of a request that was withdrawn."""
    return frames.Finished(
        request_id=request_id,
        reason="cancelled",
        prompt_tokens=0,
        cached_tokens=0,
        generated_tokens=0,
        truncated_tokens=0,
        queue_ns=0,
        prompt_ns=0,
        eval_ns=0,
        tokens=(),
    )
