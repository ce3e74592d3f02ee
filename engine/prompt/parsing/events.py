"""What parsers make of a model's output. Values only.

Written one after the other, the texts of Content, Thinking and Markup and the raw text of each
CallCompleted are exactly what the model wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from engine.prompt.messages import ToolCall


@dataclass(frozen=True, slots=True)
class Content:
    """Text for the reader."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """A piece of the model's thoughts."""

    text: str


@dataclass(frozen=True, slots=True)
class Markup:
    """Text of the format itself, for nobody to see: tags, and the whitespace around them."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A tool call begins; its arguments follow."""

    index: int
    """Counts all calls that were started, from 0."""
    name: str
    id: str = ""
    """As the model wrote it; empty when its format has none."""


@dataclass(frozen=True, slots=True)
class CallArguments:
    """The next piece of the arguments, as JSON text. All pieces together are one object."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class CallCompleted:
    """The call that was started last is whole; its name and id are those it started with."""

    index: int
    call: ToolCall
    raw: str
    """What the model wrote, from the opening tag to the end of the arguments."""


@dataclass(frozen=True, slots=True)
class CallDropped:
    """The call that was started last turned out to be none; its text follows as content."""

    index: int


Event = Content | Thinking | Markup | CallStarted | CallArguments | CallCompleted | CallDropped


class OutputParser(Protocol):
    """Parses one answer. Not shared."""

    def feed(self, text: str) -> list[Event]:
        """The next piece of output; answers what became certain by it."""

    def finish(self) -> list[Event]:
        """What was held back, now that the output has ended. Call once."""


def merge(events: Iterable[Event]) -> list[Event]:
    """The same events with neighbours of one kind joined, and none empty."""
    merged: list[Event] = []
    for event in events:
        if isinstance(event, Content | Thinking | Markup | CallArguments):
            if not event.text:
                continue
            joined = _joined(merged[-1], event) if merged else None
            if joined is not None:
                merged[-1] = joined
                continue
        merged.append(event)
    return merged


def raw_text(events: Iterable[Event]) -> str:
    """The model's output that the events were made from."""
    return "".join(
        event.raw if isinstance(event, CallCompleted) else event.text
        for event in events
        if isinstance(event, Content | Thinking | Markup | CallCompleted)
    )


def _joined(last: Event, event: Content | Thinking | Markup | CallArguments) -> Event | None:
    match last, event:
        case (
            (Content(text), Content(more))
            | (Thinking(text), Thinking(more))
            | (Markup(text), Markup(more))
        ):
            return replace(event, text=text + more)
        case CallArguments(index, text), CallArguments(same, more) if index == same:
            return replace(event, text=text + more)
    return None
