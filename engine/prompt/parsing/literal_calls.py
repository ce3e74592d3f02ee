"""Calls written as code, `name(key=value)`, or as Gemma's `name{key:value}`. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from engine.prompt.parsing.calls import Calls, write_json
from engine.prompt.parsing.format import Tags, require
from engine.prompt.parsing.literals import Literals
from engine.prompt.parsing.source import Source, Steps

_NAME = re.compile(r"[\w.:-]+")
_MOST_NAME_CHARS = 256
_PYTHON = Literals(("'", '"'), has_escapes=True, has_bare_keys=False)


@dataclass(frozen=True)
class PythonBody:
    """`[get_weather(city='Bern'), now()]`; without the brackets, one call on each line."""

    is_known_only: bool = False
    """Only tools on offer: for formats that do not mark calls."""

    @property
    def texts(self) -> Tags:
        return ()

    @property
    def is_json(self) -> bool:
        return False

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """See CallBody."""
        is_list = yield from source.accept("[")
        while True:
            yield from source.skip_space()
            yield from self._call(source, calls)
            yield from source.skip_space()
            if is_list:
                if not (yield from source.accept(",")):
                    yield from source.expect("]")
                    return
            else:
                start = yield from source.peek()
                if not (start.isalpha() or start == "_"):
                    return

    def _call(self, source: Source, calls: Calls) -> Steps[None]:
        name = yield from source.take_run(_NAME, _MOST_NAME_CHARS)
        name = name.removesuffix(".call")
        require(name in calls.names or not self.is_known_only, "not a tool on offer")
        yield from source.expect("(")
        arguments: dict[str, Any] = {}
        yield from source.skip_space()
        while not (yield from source.accept(")")):
            key = yield from source.take_run(_NAME, _MOST_NAME_CHARS)
            require(bool(key), "not a keyword")
            yield from source.skip_space()
            yield from source.expect("=")
            yield from source.skip_space()
            arguments[key] = yield from _PYTHON.value(source)
            yield from source.skip_space()
            if (yield from source.accept(",")):
                yield from source.skip_space()
                continue
            yield from source.expect(")")
            break
        yield calls.start(name)
        text = write_json(arguments)
        yield calls.argue(text)
        yield calls.complete(text, source.read())


@dataclass(frozen=True)
class GemmaBody:
    """`get_weather{city:<escape>Bern<escape>,days:3}`; the text between is the quote."""

    quote: str

    @property
    def texts(self) -> Tags:
        return (self.quote,)

    @property
    def is_json(self) -> bool:
        return False

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """See CallBody."""
        name = yield from source.take_until(("{",), _MOST_NAME_CHARS)
        literals = Literals((self.quote,), has_escapes=False, has_bare_keys=True)
        yield calls.start(name)
        arguments = yield from literals.map(source)
        text = write_json(arguments)
        yield calls.argue(text)
        yield calls.complete(text, source.read())
