"""Calls written as JSON objects, alone or in a list: name and arguments under some keys. Pure."""

from dataclasses import dataclass

from engine.prompt.parsing.calls import Calls, load_object
from engine.prompt.parsing.events import CallStarted
from engine.prompt.parsing.format import Tags, require
from engine.prompt.parsing.json_text import JsonReader, read_string, read_value
from engine.prompt.parsing.source import MismatchError, Source, Steps

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args")


@dataclass(frozen=True)
class JsonBody:
    """`{"name": ..., "arguments": {...}}`, or a list of such objects."""

    name_key: str = "name"
    """Empty: the name itself is the key, the arguments its value."""
    arguments_key: str = "arguments"
    id_key: str = ""
    """Key of the call's id, where the format has one."""
    is_known_only: bool = False
    """Only tools on offer: for formats that do not mark calls."""
    is_list: bool = False
    """The template writes a list, also for one call. Both are read."""
    is_nested: bool = False
    """Name and arguments stand in an object of their own, under "function". Both are read."""
    has_text_arguments: bool = False
    """The arguments are JSON text in a string. Both are read."""

    @property
    def texts(self) -> Tags:
        return ()

    @property
    def is_json(self) -> bool:
        return True

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """See CallBody."""
        if not (yield from source.accept("[")):
            yield from self._call(source, calls)
            return
        yield from source.skip_space()
        while True:
            yield from self._call(source, calls)
            yield from source.skip_space()
            if not (yield from source.accept(",")):
                break
            yield from source.skip_space()
        yield from source.expect("]")

    def _call(self, source: Source, calls: Calls) -> Steps[None]:
        draft = _Draft()
        if self.name_key:
            yield from self._members(source, calls, draft)
        else:
            yield from self._named(source, calls, draft)
        if not calls.is_started:
            yield self._start(calls, draft)
            yield calls.argue(draft.arguments or "{}")
        yield calls.complete(draft.arguments or "{}", source.read())

    def _named(self, source: Source, calls: Calls, draft: "_Draft") -> Steps[None]:
        yield from source.expect("{")
        yield from source.skip_space()
        draft.name = yield from read_string(source)
        yield from _colon(source)
        yield from self._arguments(source, calls, draft)
        yield from source.skip_space()
        yield from source.expect("}")

    def _members(self, source: Source, calls: Calls, draft: "_Draft") -> Steps[None]:
        yield from source.expect("{")
        yield from source.skip_space()
        while not (yield from source.accept("}")):
            key = yield from read_string(source)
            yield from _colon(source)
            yield from self._member(source, calls, draft, key)
            yield from source.skip_space()
            if (yield from source.accept(",")):
                yield from source.skip_space()
                continue
            yield from source.expect("}")
            return

    def _member(self, source: Source, calls: Calls, draft: "_Draft", key: str) -> Steps[None]:
        start = yield from source.peek()
        if start == '"' and key in (self.name_key, *_NAMES):
            draft.name = yield from read_string(source)
            self._check(calls, draft.name)
        elif start == '"' and key in (self.id_key, "id"):
            draft.id = yield from read_string(source)
        elif start == "{" and key == "function":
            yield from self._members(source, calls, draft)
        elif key in (self.arguments_key, *_ARGUMENTS):
            yield from self._arguments(source, calls, draft)
        else:
            yield from read_value(source)

    def _arguments(self, source: Source, calls: Calls, draft: "_Draft") -> Steps[None]:
        require(not draft.arguments, "arguments twice")
        start = yield from source.peek()
        if start == '"':
            text = yield from read_string(source)
            load_object(text)
            draft.arguments = text
        elif start == "{":
            # Told as they come, unless the call cannot be told yet.
            if draft.name and (draft.id or not self.id_key):
                yield self._start(calls, draft)
            reader = JsonReader(source, calls.argue if calls.is_started else None)
            yield from reader.value()
            draft.arguments = reader.text
        elif (yield from read_value(source)) != "null":
            raise MismatchError("arguments are no object")

    def _start(self, calls: Calls, draft: "_Draft") -> CallStarted:
        self._check(calls, draft.name)
        return calls.start(draft.name, draft.id)

    def _check(self, calls: Calls, name: str) -> None:
        require(not self.is_known_only or name in calls.names, "not a tool on offer")


@dataclass
class _Draft:
    """What is known of the call being read."""

    name: str = ""
    id: str = ""
    arguments: str = ""


def _colon(source: Source) -> Steps[None]:
    yield from source.skip_space()
    yield from source.expect(":")
    yield from source.skip_space()
