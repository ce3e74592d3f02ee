"""Reads JSON while it arrives, and forgives what models get wrong in it. Pure.

Forgiven and put right in what is told: raw control characters in strings, unknown escapes (the
backslash stays), lone surrogates, Python's True, False and None.
"""

import json
import math
import re
from collections.abc import Callable

from engine.prompt.parsing.events import Event
from engine.prompt.parsing.source import MismatchError, Source, Steps

MOST_DEPTH = 100
_MOST_NUMBER_CHARS = 300

_PLAIN = re.compile(r'[^"\\]+')
_CONTROL = re.compile(r"[\x00-\x1f]")
_NUMBER_CHARS = re.compile(r"[-+.0-9eE]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_LETTERS = re.compile(r"[A-Za-z]+")
_UNICODE = re.compile(r"\\u[0-9a-fA-F]{4}")
_WORDS = {
    "true": "true",
    "false": "false",
    "null": "null",
    "True": "true",
    "False": "false",
    "None": "null",
}


class JsonReader:
    """Reads one value at the source's cursor; all methods raise MismatchError."""

    def __init__(self, source: Source, told: Callable[[str], Event] | None = None) -> None:
        """`told` makes the events for the text as it comes; None: none are made."""
        self._source = source
        self._told = told
        self._parts: list[str] = []

    @property
    def text(self) -> str:
        """What was read so far, as valid JSON."""
        return "".join(self._parts)

    def value(self, depth: int = 0) -> Steps[None]:
        """Any value."""
        if depth > MOST_DEPTH:
            raise MismatchError("too deep")
        match (yield from self._source.peek()):
            case "{":
                yield from self._object(depth)
            case "[":
                yield from self._array(depth)
            case '"':
                yield from self._string()
            case start if start and start in "-0123456789":
                number = yield from self._source.take_run(_NUMBER_CHARS, _MOST_NUMBER_CHARS)
                if not _NUMBER.fullmatch(number) or math.isinf(float(number)):
                    raise MismatchError("not a number")
                yield from self._tell(number)
            case _:
                word = yield from self._source.take_run(_LETTERS, 5)
                if word not in _WORDS:
                    raise MismatchError("not a value")
                yield from self._tell(_WORDS[word])

    def _object(self, depth: int) -> Steps[None]:
        yield from self._sign("{")
        if (yield from self._closes("}")):
            return
        while True:
            if (yield from self._source.peek()) != '"':
                raise MismatchError("not a key")
            yield from self._string()
            yield from self._source.skip_space()
            yield from self._sign(":", told=": ")
            yield from self._source.skip_space()
            yield from self.value(depth + 1)
            if (yield from self._closes("}")):
                return
            yield from self._sign(",", told=", ")
            yield from self._source.skip_space()

    def _array(self, depth: int) -> Steps[None]:
        yield from self._sign("[")
        if (yield from self._closes("]")):
            return
        while True:
            yield from self.value(depth + 1)
            if (yield from self._closes("]")):
                return
            yield from self._sign(",", told=", ")
            yield from self._source.skip_space()

    def _closes(self, bracket: str) -> Steps[bool]:
        yield from self._source.skip_space()
        closes = yield from self._source.accept(bracket)
        if closes:
            yield from self._tell(bracket)
        return closes

    def _sign(self, sign: str, told: str = "") -> Steps[None]:
        yield from self._source.expect(sign)
        yield from self._tell(told or sign)

    def _string(self) -> Steps[None]:
        yield from self._sign('"')
        while True:
            match (yield from self._source.peek()):
                case "":
                    raise MismatchError("open string")
                case '"':
                    yield from self._sign('"')
                    return
                case "\\":
                    yield from self._escape()
                case _:
                    plain = self._source.take_available(_PLAIN)
                    yield from self._tell(_CONTROL.sub(_escaped, plain))

    def _escape(self) -> Steps[None]:
        source = self._source
        pair = yield from source.lookahead(2)
        if pair != "\\u":
            if len(pair) < 2:
                raise MismatchError("open string")
            known = pair[1] in '"\\/bfnrt'
            source.advance(2 if known else 1)
            yield from self._tell(pair if known else "\\\\")
            return
        code = yield from source.lookahead(6)
        if not _UNICODE.fullmatch(code):
            source.advance(1)
            yield from self._tell("\\\\")
            return
        number = int(code[2:], 16)
        if 0xD800 <= number < 0xDC00:
            both = yield from source.lookahead(12)
            low = both[6:]
            if _UNICODE.fullmatch(low) and 0xDC00 <= int(low[2:], 16) < 0xE000:
                source.advance(12)
                yield from self._tell(both)
                return
        source.advance(6)
        yield from self._tell("\\ufffd" if 0xD800 <= number < 0xE000 else code)

    def _tell(self, text: str) -> Steps[None]:
        self._parts.append(text)
        if self._told:
            yield self._told(text)


def read_string(source: Source) -> Steps[str]:
    """A JSON string's text. Raises MismatchError if something else comes next."""
    if (yield from source.peek()) != '"':
        raise MismatchError("not a string")
    reader = JsonReader(source)
    yield from reader.value()
    text: str = json.loads(reader.text)
    return text


def read_value(source: Source, told: Callable[[str], Event] | None = None) -> Steps[str]:
    """The JSON text of any value. Raises MismatchError."""
    reader = JsonReader(source, told)
    yield from reader.value()
    return reader.text


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]
