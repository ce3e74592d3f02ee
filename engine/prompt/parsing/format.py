"""What is known of a model's output format. Immutable, hashable; found by probe.py. Pure."""

import re
from dataclasses import dataclass
from typing import Protocol

from engine.prompt.parsing.calls import Calls
from engine.prompt.parsing.source import MismatchError, Source, Steps

_SEAMS = re.compile(r"(?<=[>\]])\s+(?=[<\[\]])|(?<=>)(?=<)")
_TOKENS = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]|\]<\]\w+\[>\[|〈[^〉]*〉")

Tags = tuple[str, ...]
"""Texts that follow each other, with or without whitespace in between."""


def split_tags(text: str) -> Tags:
    """A marker's text in its parts, without the space around them."""
    return tuple(part for part in _SEAMS.split(text.strip()) if part)


class CallBody(Protocol):
    """How the call itself is written, inside its tags. Immutable, hashable."""

    @property
    def texts(self) -> Tags:
        """The texts that the format is recognised by."""

    @property
    def is_json(self) -> bool:
        """Starts with a bracket of its own, so that calls may follow each other without tags."""

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """Reads one call, or several of one list. `closing`: what may follow it.

        Raises MismatchError.
        """


@dataclass(frozen=True)
class CallFormat:
    """How a model writes its tool calls: in tags of their own, perhaps in a common section."""

    body: CallBody
    opening: Tags = ()
    """Before each call. With neither this nor a section, only an answer's very start can be a
    call, and only of a tool on offer."""
    closing: Tags = ()
    section_opening: Tags = ()
    section_closing: Tags = ()

    @property
    def triggers(self) -> Tags:
        """Texts that a call may start with; models like to leave out the outer tag."""
        starts = [self.section_opening[:1], self.opening[:1]]
        if len(self.opening) > 1:
            starts.append(self.opening[-1:])
        return tuple(dict.fromkeys(text for start in starts for text in start))

    @property
    def texts(self) -> Tags:
        """All texts that the format is recognised by."""
        own = (*self.section_opening, *self.opening, *self.closing, *self.section_closing)
        return (*own, *self.body.texts)

    def read(self, source: Source, calls: Calls) -> Steps[None]:
        """Reads calls from the trigger on, as many as follow each other.

        Raises MismatchError; what was read since the last whole call is then unmarked.
        """
        if self.section_opening and (yield from _accept_tags(source, self.section_opening)):
            yield from source.skip_space()
        yield from self._open(source)
        while True:
            yield from source.skip_space()
            closing = self.closing or self.section_closing
            yield from self.body.read(source, calls, closing)
            yield from self._close(source, self.closing)
            if self.section_closing and (yield from source.accept(self.section_closing[0])):
                yield from self._close(source, self.section_closing[1:])
                return
            if not (yield from self._continues(source)):
                return

    def _open(self, source: Source) -> Steps[None]:
        if self.opening and not (yield from _accept_tags(source, self.opening)):
            yield from source.expect(self.opening[-1])

    def _continues(self, source: Source) -> Steps[bool]:
        if self.opening:
            return (yield from _accept_tags(source, self.opening))
        if not self.body.is_json:
            return False
        if (yield from source.accept(";")) or (yield from source.accept(",")):
            yield from source.skip_space()
        return (yield from source.peek()) == "{"

    def _close(self, source: Source, tags: Tags) -> Steps[None]:
        yield from source.skip_space()
        for tag in tags:
            if (yield from source.accept(tag)):
                yield from source.skip_space()
        yield from source.markup()


def _accept_tags(source: Source, tags: Tags) -> Steps[bool]:
    """Goes behind all of them if the first comes next. Raises MismatchError in the middle."""
    if not (yield from source.accept(tags[0])):
        return False
    for tag in tags[1:]:
        yield from source.skip_space()
        yield from source.expect(tag)
    return True


@dataclass(frozen=True)
class Channels:
    """A format where each message starts with a header that says whom it is for (Harmony)."""

    start: str
    """In front of a header."""
    message: str
    """Between header and body."""
    ends: Tags
    """After a body."""
    style: str
    """"harmony", "recipient" or "function": how headers are read."""
    calls: CallFormat | None = None
    """How bodies for tools are written; None: the arguments as a JSON object."""


@dataclass(frozen=True)
class OutputFormat:
    """All that is known of a model's output. The empty one: everything is content."""

    thinking: tuple[str, str] | None = None
    """Opening and closing tag. The opening may be empty: answers then start with thoughts."""
    wrappers: Tags = ()
    """Tags around content that are not part of it."""
    calls: tuple[CallFormat, ...] = ()
    channels: Channels | None = None
    go_tag: str = ""
    """The opening of calls as a Go template shows it; calls are then read as spec 5.3 says,
    and `calls` is only for writing them."""
    has_call_ids: bool = False
    """The template shows the calls' ids to the model."""
    is_parallel: bool = True
    """The template can show several calls in one message."""

    @property
    def has_calls(self) -> bool:
        """Tool calls can be recognised."""
        return bool(self.calls or self.channels or self.go_tag)

    @property
    def visible_tokens(self) -> tuple[str, ...]:
        """Control tokens that must reach the parser as text, if the vocabulary has them."""
        texts = [*(self.thinking or ()), *self.wrappers, self.go_tag]
        for calls in self.calls:
            texts += calls.texts
        if self.channels:
            texts += [self.channels.start, self.channels.message, *self.channels.ends]
            texts += _CHANNEL_TOKENS if self.channels.style == "harmony" else ()
            texts += self.channels.calls.texts if self.channels.calls else ()
        tokens = [token for text in texts for token in (*_TOKENS.findall(text), text.strip())]
        return tuple(dict.fromkeys(token for token in tokens if len(token) > 1))

    @property
    def triggers(self) -> Tags:
        """Texts that tool calls start with; empty where they have no mark."""
        return tuple(dict.fromkeys(text for calls in self.calls for text in calls.triggers))


_CHANNEL_TOKENS = ("<|channel|>", "<|constrain|>")


def require(condition: bool, reason: str) -> None:
    """Raises MismatchError unless the condition holds."""
    if not condition:
        raise MismatchError(reason)
