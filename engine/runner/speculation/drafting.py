"""How far one request drafts ahead, from what its drafts were worth so far. Pure.

Text that repeats what was there before (an edited file, a quoted passage, the next row of a
table) is guessed from its own sequence. A batch of n guesses costs a good part of n tokens on a
CPU, so only long repetitions are worth a guess, and guesses grow as they come true.
"""

from collections.abc import Sequence

from engine.runner.speculation.ngrams import NgramIndex

MATCH = 12
"""So many tokens in a row must have occurred before."""
MIN_DRAFT = 8
FIRST_DRAFT = 16
MAX_DRAFT = 64
_FIRST_PAUSE = 16
_MAX_PAUSE = 1024


class Drafter:
    """The guesses of one request."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self._tokens = list(prompt)
        self._prompt_length = len(self._tokens)
        self._index = NgramIndex(MATCH)
        self._size = FIRST_DRAFT
        self._pause = _FIRST_PAUSE
        self._resume_at = 0

    def draft(self, output: Sequence[int], room: int) -> Sequence[int]:
        """At most `room` tokens that may follow the prompt and the `output` so far."""
        tokens = self._tokens
        if len(tokens) > self._prompt_length + len(output):
            raise ValueError("the output became shorter")
        tokens += output[len(tokens) - self._prompt_length :]
        self._index.extend(tokens)
        size = min(self._size, room)
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
            self._size = min(MAX_DRAFT, max(self._size, 2 * drafted))
        else:
            self._size = max(MIN_DRAFT, min(self._size, 2 * accepted))
        if accepted * 4 >= drafted:
            self._pause = _FIRST_PAUSE
            return
        self._resume_at = num_output + self._pause
        self._pause = min(_MAX_PAUSE, 2 * self._pause)
        self._size = FIRST_DRAFT
