"""Reads arguments that are written as literals and not as JSON: Python's, Gemma's. Pure."""

import re
from dataclasses import dataclass
from typing import Any

from engine.prompt.parsing.source import MismatchError, Source, Steps
from engine.prompt.parsing.typed import load_json

MOST_DEPTH = 64
_NUMBER_CHARS = re.compile(r"[-+.0-9eE_]+")
_WORD = re.compile(r"[\w.$-]+")
_MOST_WORD_CHARS = 300
_WORDS: dict[str, object] = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}


@dataclass(frozen=True)
class Literals:
    """One notation. All methods raise MismatchError."""

    quotes: tuple[str, ...]
    """What strings stand between."""
    has_escapes: bool
    """A backslash changes the meaning of the next character."""
    has_bare_keys: bool
    """Keys of maps stand without quotes."""

    def value(self, source: Source, depth: int = 0) -> Steps[object]:
        """Any value."""
        if depth > MOST_DEPTH:
            raise MismatchError("too deep")
        for quote in self.quotes:
            if (yield from source.accept(quote)):
                return (yield from self._string(source, quote))
        start = yield from source.peek()
        if start == "{":
            return (yield from self.map(source, depth))
        if start in ("[", "("):
            return (yield from self._list(source, depth, "]" if start == "[" else ")"))
        if start and start in "-+.0123456789":
            return _number((yield from source.take_run(_NUMBER_CHARS, _MOST_WORD_CHARS)))
        word = yield from source.take_run(_WORD, _MOST_WORD_CHARS)
        if word not in _WORDS:
            raise MismatchError("not a value")
        return _WORDS[word]

    def map(self, source: Source, depth: int = 0) -> Steps[dict[str, Any]]:
        """A map in braces."""
        yield from source.expect("{")
        values: dict[str, Any] = {}
        while True:
            yield from source.skip_space()
            if (yield from source.accept("}")):
                return values
            key = yield from self._key(source)
            yield from source.skip_space()
            yield from source.expect(":")
            yield from source.skip_space()
            values[key] = yield from self.value(source, depth + 1)
            yield from source.skip_space()
            if not (yield from source.accept(",")):
                yield from source.expect("}")
                return values

    def _key(self, source: Source) -> Steps[str]:
        for quote in self.quotes:
            if (yield from source.accept(quote)):
                return (yield from self._string(source, quote))
        if not self.has_bare_keys:
            raise MismatchError("not a key")
        key = yield from source.take_until((":",), _MOST_WORD_CHARS)
        if not key.strip() or any(char in key for char in "{}[],\n"):
            raise MismatchError("not a key")
        return key.strip()

    def _list(self, source: Source, depth: int, closing: str) -> Steps[list[object]]:
        source.advance(1)
        values: list[object] = []
        while True:
            yield from source.skip_space()
            if (yield from source.accept(closing)):
                return values
            values.append((yield from self.value(source, depth + 1)))
            yield from source.skip_space()
            if not (yield from source.accept(",")):
                yield from source.expect(closing)
                return values

    def _string(self, source: Source, quote: str) -> Steps[str]:
        if not self.has_escapes:
            text = yield from source.take_until((quote,))
            source.advance(len(quote))
            return text
        parts: list[str] = []
        while True:
            parts.append((yield from source.take_until((quote, "\\"))))
            if (yield from source.accept(quote)):
                return "".join(parts)
            pair = yield from source.lookahead(2)
            if len(pair) < 2:
                raise MismatchError("open string")
            if pair == "\\u":
                parts.append((yield from self._unicode(source)))
            else:
                source.advance(2)
                kept = pair[1] if pair[1] in "\\'\"" else pair
                parts.append(_ESCAPES.get(pair[1], kept))

    def _unicode(self, source: Source) -> Steps[str]:
        code = yield from source.lookahead(6)
        source.advance(len(code))
        try:
            char = chr(int(code[2:], 16))
        except ValueError as exc:
            raise MismatchError("bad escape") from exc
        return "\ufffd" if "\ud800" <= char <= "\udfff" else char


def _number(text: str) -> object:
    try:
        value = load_json(text.lstrip("+").replace("_", ""))
    except ValueError as exc:
        raise MismatchError("not a number") from exc
    if value in (float("inf"), float("-inf")):
        raise MismatchError("not a number")
    return value
