"""Splits a model's output into thinking and content while it streams (spec 5.4). One per answer."""

from enum import Enum, auto

from engine.completion import Delta


class _State(Enum):
    BEFORE = auto()  # nothing but whitespace and perhaps the start of the opening tag so far
    OPENED = auto()  # the opening tag was seen; whitespace after it is dropped
    THINKING = auto()
    CLOSED = auto()  # the closing tag was seen; whitespace after it is dropped
    CONTENT = auto()


class ThinkingParser:
    """Recognises one thinking block at the very start of the output.

    The tags and the whitespace that follows each of them are dropped; every other character comes
    out exactly once, in order, whatever the cuts between the pieces fed.
    """

    def __init__(self, opening: str, closing: str, *, started: bool = False) -> None:
        """`started`: the prompt already ends inside an open block (see `opens_thinking`)."""
        self._opening = opening
        self._closing = closing
        self._state = _State.OPENED if started else _State.BEFORE
        self._held = ""

    @property
    def is_thinking(self) -> bool:
        """The output so far ends inside the thinking block."""
        return self._state in (_State.OPENED, _State.THINKING)

    def feed(self, text: str) -> Delta:
        """The next piece of output; answers what became certain by it, perhaps nothing."""
        self._held += text
        thinking = ""
        if self._state is _State.BEFORE:
            self._look_for_opening()
        if self._state is _State.OPENED:
            self._held = self._held.lstrip()
            if self._held:
                self._state = _State.THINKING
        if self._state is _State.THINKING:
            thinking = self._take_thinking()
        if self._state is _State.CLOSED:
            self._held = self._held.lstrip()
            if self._held:
                self._state = _State.CONTENT
        if self._state is _State.CONTENT:
            content, self._held = self._held, ""
            return Delta(content, thinking)
        return Delta("", thinking)

    def finish(self) -> Delta:
        """What was held back, now that the output has ended."""
        rest, self._held = self._held, ""
        if self._state in (_State.OPENED, _State.CLOSED):
            return Delta()
        return Delta("", rest) if self._state is _State.THINKING else Delta(rest, "")

    def _look_for_opening(self) -> None:
        start = self._held.lstrip()
        if start.startswith(self._opening):
            self._held = start[len(self._opening) :]
            self._state = _State.OPENED
        elif not self._opening.startswith(start):
            self._state = _State.CONTENT

    def _take_thinking(self) -> str:
        thinking, closing, rest = self._held.partition(self._closing)
        if closing:
            self._state = _State.CLOSED
            self._held = rest
            return thinking
        keep = _overlap(self._held, self._closing)
        cut = len(self._held) - keep
        thinking, self._held = self._held[:cut], self._held[cut:]
        return thinking


def opens_thinking(prompt: str, opening: str) -> bool:
    """Whether a rendered prompt already ends inside a thinking block that the model will fill."""
    return bool(opening) and prompt.rstrip().endswith(opening)


def _overlap(text: str, tag: str) -> int:
    """Length of the longest end of `text` that could still grow into `tag`."""
    for length in range(min(len(text), len(tag) - 1), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
