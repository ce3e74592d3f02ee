"""How far one request drafts ahead, from what its drafts were worth so far. Pure.

Text that repeats what was there before (an edited file, a quoted passage, the next row of a
table) is guessed from its own sequence. A batch of guesses costs a good part of as many tokens on
a CPU (100M parameters, Q4_K_M, one thread: a token takes 4 ms, 9 take 25, 16 take 30, 32 take 50,
64 take 78, 65 take 92), so only long repetitions are worth a guess, guesses grow as they come
true, and with the token in front of them they fill the kernels' tiles.
"""

from collections.abc import Sequence

from engine.runner.speculation.ngrams import NgramIndex

MATCH = 12
"""So many tokens in a row must have occurred before."""
SIZES = (15, 31, 63)
"""Drafts are as long as one of these; or shorter where there is no room."""
MIN_DRAFT = 12
MAX_DRAFT = SIZES[-1]
_WORTH_IT = 6
"""Guesses that must come true for the shortest draft to pay."""
_FIRST_PAUSE = 16
_MAX_PAUSE = 1024


class Drafter:
    """The guesses of one request."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._tokens = list(prompt)
        self._prompt_length = len(self._tokens)
        self._index = NgramIndex(MATCH)
        self._level = 0
        self._pause = _FIRST_PAUSE
        self._resume_at = 0

    def draft(self, output: Sequence[int], room: int) -> Sequence[int]:
        """At most `room` tokens that may follow the prompt and the `output` so far."""
        tokens = self._tokens
        if len(tokens) > self._prompt_length + len(output):
            raise ValueError("the output became shorter")
        tokens += output[len(tokens) - self._prompt_length :]
        self._index.extend(tokens)
        size = min(SIZES[self._level], room)
        if size < MIN_DRAFT or len(output) < self._resume_at:
            return ()
        place = self._index.find(tokens)
        if place < 0:
            return ()
        found = tokens[place : place + size]
        period = len(found)  # shorter than `size`: the sequence repeats itself right now
        return [found[number % period] for number in range(size)]

    def learn(self, drafted: int, accepted: int, num_output: int) -> None:
        """So many guesses came true; the output is `num_output` tokens long by now."""
        if accepted == drafted:
            self._level = min(self._level + 1, len(SIZES) - 1)
        else:
            while self._level and SIZES[self._level] > 1.5 * accepted:
                self._level -= 1
        if accepted >= _WORTH_IT:
            self._pause = _FIRST_PAUSE
            return
        self._resume_at = num_output + self._pause
        self._pause = min(_MAX_PAUSE, 2 * self._pause)
