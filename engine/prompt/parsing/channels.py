"""Formats with a header before each message: Harmony (spec 5.7), Glimmer, Functionary. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.prompt.parsing.calls import Calls, check_name
from engine.prompt.parsing.events import Content, Event, Thinking
from engine.prompt.parsing.format import CallFormat, Channels
from engine.prompt.parsing.json_text import JsonReader
from engine.prompt.parsing.source import MismatchError, Source, Steps
from engine.prompt.parsing.typed import name_of

MOST_HEADER_CHARS = 500
_RECIPIENT = re.compile(r"to=([^\s<]+)")
_CHANNEL = re.compile(r"<\|channel\|>\s*([^\s<]+)")
_KEPT_NAMES = frozenset({"browser.search", "browser.open", "browser.find", "python"})


@dataclass(frozen=True)
class _Header:
    """Whom a message is for."""

    told: Callable[[str], Event]
    tool: str = ""


def parse_channels(
    source: Source, channels: Channels, calls: Calls, tools: Iterable[Mapping[str, Any]]
) -> Steps[None]:
    """Reads a whole answer. The prompt ends where the first header is to follow."""
    names = _restored_names(tools) if channels.style == "harmony" else {}
    while (yield from source.peek()):
        try:
            header = yield from _read_header(source, channels)
        except MismatchError:
            source.rewind()
            yield from _stream(source, channels, Content)
        else:
            yield from source.markup()
            yield from _read_body(source, channels, calls, header, names)
        yield from _close(source, channels)


def _read_header(source: Source, channels: Channels) -> Steps[_Header]:
    """Raises MismatchError when there is none."""
    yield from source.skip_space()
    tags = (channels.message, channels.start, *channels.ends)
    text = yield from source.take_until(tuple(dict.fromkeys(tags)), MOST_HEADER_CHARS)
    yield from source.expect(channels.message)
    return _HEADERS[channels.style](text)


def _harmony_header(text: str) -> _Header:
    recipient = _RECIPIENT.search(text)
    channel = _CHANNEL.search(text)
    if recipient is None and channel is None:
        raise MismatchError("not a header")
    if recipient and recipient.group(1) not in ("user", "assistant"):
        return _Header(Content, recipient.group(1))
    is_thought = channel is not None and channel.group(1) == "analysis"
    return _Header(Thinking if is_thought else Content)


def _recipient_header(text: str) -> _Header:
    recipient = _RECIPIENT.search(text)
    if recipient is None:
        raise MismatchError("not a header")
    match recipient.group(1):
        case "self":
            return _Header(Thinking)
        case "user":
            return _Header(Content)
        case tool:
            return _Header(Content, tool)


def _function_header(text: str) -> _Header:
    name = check_name(text)
    return _Header(Content, "" if name == "all" else name)


_HEADERS: dict[str, Callable[[str], _Header]] = {
    "harmony": _harmony_header,
    "recipient": _recipient_header,
    "function": _function_header,
}


def _read_body(
    source: Source, channels: Channels, calls: Calls, header: _Header, names: Mapping[str, str]
) -> Steps[None]:
    if header.tool:
        try:
            yield from source.skip_space()
            if channels.calls:
                yield from _tagged_call(source, channels.calls, calls)
            else:
                name = header.tool.removeprefix("functions.")
                yield calls.start(names.get(name, name))
                reader = JsonReader(source, calls.argue)
                yield from reader.value()
                yield calls.complete(reader.text, source.read())
            return
        except MismatchError:
            if calls.is_started:
                yield calls.drop()
            source.rewind()
    yield from _stream(source, channels, header.told)


def _tagged_call(source: Source, form: CallFormat, calls: Calls) -> Steps[None]:
    for trigger in form.triggers:
        here = yield from source.lookahead(len(trigger))
        if here == trigger:
            yield from form.read(source, calls)
            return
    raise MismatchError("not a call")


def _stream(source: Source, channels: Channels, told: Callable[[str], Event]) -> Steps[None]:
    yield from source.stream_until((*channels.ends, channels.start), told)


def _close(source: Source, channels: Channels) -> Steps[None]:
    """Behind the end of a message and the start of the next; whatever else stands there stays."""
    yield from source.skip_space()
    for tag in (*channels.ends, channels.start):
        if (yield from source.accept(tag)):
            yield from source.skip_space()
    yield from source.markup()


def _restored_names(tools: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """From the identifiers that the prompt shows to the names of the tools (spec 5.7)."""
    names: dict[str, str] = {}
    for name in map(name_of, tools):
        shown = base = identifier(name)
        number = 2
        while shown in names:
            shown = f"{base}_{number}"
            number += 1
        names[shown] = name
    return names


def identifier(name: str) -> str:
    """A tool's name as a TypeScript identifier (spec 5.7)."""
    if name in _KEPT_NAMES:
        return name
    text = re.sub(r"[ .-]", "_", name)
    text = "".join(char for char in text if char.isalnum() or char in "_$")
    if not text:
        return "unnamed"
    return f"_{text}" if text[0].isdigit() else text
