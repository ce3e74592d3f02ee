"""Text that arrives in pieces, for parsers written as generators that wait for more. Pure.

A parser yields events, and None where it cannot decide anything without more text. What it
decides never depends on where the pieces were cut.
"""

import re
from collections.abc import Callable, Generator
from functools import lru_cache
from typing import TypeVar

from engine.prompt.parsing.events import Event, Markup

T = TypeVar("T")
Steps = Generator[Event | None, None, T]
"""A part of a parser: yields events, or None to wait; returns a T."""

_SPACE = re.compile(r"\s*")


class MismatchError(Exception):
    """The text is not of the form that the parser was reading. Never leaves this package."""


class Source:
    """A cursor over the text, and a mark: what lies between has been read but not told yet."""

    def __init__(self) -> None:
        self._text = ""
        self._at = 0
        self._mark = 0
        self._gone = 0
        self._ended = False

    @property
    def told(self) -> int:
        """How many characters lie before the mark."""
        return self._gone + self._mark

    def add(self, piece: str) -> None:
        """The next piece; not after `end`."""
        self._text = self._text[self._mark :] + piece
        self._at -= self._mark
        self._gone += self._mark
        self._mark = 0

    def end(self) -> None:
        """No more text will come."""
        self._ended = True

    def read(self) -> str:
        """What lies between mark and cursor; moves the mark."""
        text = self._text[self._mark : self._at]
        self._mark = self._at
        return text

    def unread(self) -> str:
        """What lies between mark and cursor; the mark stays."""
        return self._text[self._mark : self._at]

    def markup(self) -> list[Event]:
        """What lies between mark and cursor, as an event if there is any; moves the mark."""
        text = self.read()
        return [Markup(text)] if text else []

    def rewind(self) -> None:
        """Puts the cursor back to the mark."""
        self._at = self._mark

    def advance(self, count: int) -> str:
        """The next characters, which are known to be there; the cursor goes behind them."""
        self._at += count
        return self._text[self._at - count : self._at]

    def peek(self) -> Steps[str]:
        """The next character; empty at the end."""
        while self._at >= len(self._text):
            if self._ended:
                return ""
            yield None
        return self._text[self._at]

    def lookahead(self, count: int) -> Steps[str]:
        """The next characters; fewer at the end."""
        while self._at + count > len(self._text) and not self._ended:
            yield None
        return self._text[self._at : self._at + count]

    def take_rest(self) -> Steps[str]:
        """Everything up to the end."""
        while not self._ended:
            yield None
        return self.advance(len(self._text) - self._at)

    def skip_space(self) -> Steps[None]:
        """To the next character that is not whitespace, or the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match
            self._at = match.end()
            if self._at < len(self._text) or self._ended:
                return
            yield None

    def accept(self, literal: str) -> Steps[bool]:
        """Goes behind the literal if it comes next."""
        while not self._text.startswith(literal, self._at):
            if self._ended or not literal.startswith(self._text[self._at :]):
                return False
            yield None
        self._at += len(literal)
        return True

    def expect(self, literal: str) -> Steps[None]:
        """Goes behind the literal. Raises MismatchError if something else comes next."""
        if not (yield from self.accept(literal)):
            raise MismatchError(literal)

    def take_run(self, pattern: re.Pattern[str], most: int) -> Steps[str]:
        """The longest run of what the pattern of single characters matches.

        Raises MismatchError past `most` characters.
        """
        length = 0
        while True:
            match = pattern.match(self._text, self._at + length)
            length = match.end() - self._at if match else length
            if length > most:
                raise MismatchError("too long")
            if self._at + length < len(self._text) or self._ended:
                return self.advance(length)
            yield None

    def take_available(self, pattern: re.Pattern[str]) -> str:
        """As much of a run as is there already; for runs that may be told in any pieces."""
        match = pattern.match(self._text, self._at)
        return self.advance(match.end() - self._at) if match else ""

    def take_until(self, tags: tuple[str, ...], most: int | None = None) -> Steps[str]:
        """The text before the nearest of the tags; the cursor stops in front of the tag.

        Raises MismatchError when there is none, or none within `most` characters.
        """
        search = _search(tags)
        done = 0
        while True:
            end, tag = search.find(self._text, self._at + done, self._ended)
            done = end - self._at
            if most is not None and done > most:
                raise MismatchError("too long")
            if tag:
                return self.advance(done)
            if self._ended:
                raise MismatchError(tags[0])
            yield None

    def take_some(self, tag: str) -> Steps[tuple[str, bool]]:
        """More of the text before the tag, and whether the tag is next. The mark stays.

        A newline in front of the tag comes with the last piece. Raises MismatchError at the end.
        """
        search = _search((tag,))
        while True:
            end, found = search.find(self._text, self._at, self._ended)
            if found:
                return self.advance(end - self._at), True
            if end > self._at and self._text[end - 1] == "\n":
                end -= 1
            if self._ended:
                raise MismatchError(tag)
            if end > self._at:
                return self.advance(end - self._at), False
            yield None

    def stream_until(self, tags: tuple[str, ...], told: Callable[[str], Event]) -> Steps[str]:
        """Tells the text before the nearest of the tags; answers the tag, or nothing at the end.

        The cursor stops in front of the tag, the mark in front of the whitespace before it: that
        belongs to whatever the tag turns out to be.
        """
        search = _search(tags)
        while True:
            end, tag = search.find(self._text, self._at, self._ended)
            if self._ended and not tag:
                sure = end
            else:
                sure = self._mark + len(self._text[self._mark : end].rstrip())
            if sure > self._mark:
                text = self._text[self._mark : sure]
                self._mark = sure
                self._at = max(self._at, sure)
                yield told(text)
            self._at = end
            if tag or self._ended:
                return tag
            yield None


class _Search:
    """Finds the nearest of several tags; the longest of those that start at one place."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._tags = tags
        ordered = sorted(tags, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(tag) for tag in ordered)) if tags else None
        self._longest = max((len(tag) for tag in tags), default=0)
        self._firsts = frozenset(tag[0] for tag in tags)

    def find(self, text: str, start: int, ended: bool) -> tuple[int, str]:
        """Where the tag starts, and the tag; or up to where there is none for certain."""
        if self._pattern is None:
            return len(text), ""
        match = self._pattern.search(text, start)
        place = match.start() if match else len(text)
        if not ended:
            open_place = self._unfinished(text, start)
            if open_place <= place and open_place < len(text):
                return open_place, ""
        return place, match.group() if match else ""

    def _unfinished(self, text: str, start: int) -> int:
        """The first place from which the rest of the text could grow into a tag."""
        for place in range(max(start, len(text) - self._longest + 1), len(text)):
            if text[place] in self._firsts:
                rest = text[place:]
                if any(len(tag) > len(rest) and tag.startswith(rest) for tag in self._tags):
                    return place
        return len(text)


@lru_cache(maxsize=256)
def _search(tags: tuple[str, ...]) -> _Search:
    return _Search(tags)
