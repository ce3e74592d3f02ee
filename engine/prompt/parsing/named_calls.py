"""Calls written as a name, a separator and JSON arguments: Mistral, DeepSeek, Kimi. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

from engine.prompt.parsing.calls import MOST_NAME_CHARS, Calls, check_name
from engine.prompt.parsing.format import Tags, require
from engine.prompt.parsing.json_text import JsonReader
from engine.prompt.parsing.source import Source, Steps

_NUMBERED = re.compile(r"(?:functions\.)?(.+?):[0-9]+")


@dataclass(frozen=True)
class Slot:
    """A word in front of the arguments."""

    kind: Literal["name", "id"]
    end: str
    """What follows the word; empty: the bracket of the arguments."""


@dataclass(frozen=True)
class NamedBody:
    """`get_weather[ARGS]{...}` and its like."""

    slots: tuple[Slot, ...]
    is_numbered: bool = False
    """The name is an id such as functions.get_weather:0 (Kimi)."""

    @property
    def texts(self) -> Tags:
        return tuple(slot.end for slot in self.slots if slot.end)

    @property
    def is_json(self) -> bool:
        return False

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """See CallBody."""
        words = {"name": "", "id": ""}
        ends = (*(slot.end.strip() for slot in self.slots if slot.end), "{")
        left = list(self.slots)
        while left:
            word = yield from source.take_until(ends, MOST_NAME_CHARS)
            words[left[0].kind] = check_name(word)
            # Some models skip the id: the name then ends where the id would have.
            while left and not (yield from source.accept(left.pop(0).end.strip())):
                pass
            yield from source.skip_space()
        name, call_id = words["name"], words["id"]
        match = _NUMBERED.fullmatch(name) if self.is_numbered else None
        if match:
            name, call_id = match.group(1), name
        require((yield from source.peek()) == "{", "no arguments")
        yield calls.start(name, call_id)
        reader = JsonReader(source, calls.argue)
        yield from reader.value()
        yield calls.complete(reader.text, source.read())
