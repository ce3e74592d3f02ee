"""Cuts a template into tokens: text, and inside `{{ }}` words, literals and punctuation."""

import re
from collections.abc import Generator, Iterator
from enum import Enum, auto
from typing import NamedTuple

from engine.prompt.gotemplate.errors import parse_error


class Kind(Enum):
    """What a token is."""

    TEXT = auto()
    OPEN = auto()  # {{
    CLOSE = auto()  # }}
    SPACE = auto()
    FIELD = auto()  # .Name
    DOT = auto()
    VARIABLE = auto()  # $ or $name
    WORD = auto()  # function, keyword, true, false, nil
    NUMBER = auto()
    CHARACTER = auto()  # 'x'
    STRING = auto()  # "..."
    RAW_STRING = auto()  # `...`
    PUNCTUATION = auto()  # := = | ( ) ,
    END = auto()


class Token(NamedTuple):
    """A piece of the source. `text` is exactly what stands there, except for trimmed TEXT."""

    kind: Kind
    text: str
    position: int


WHITESPACE = " \t\r\n"
_COMMENT_START = re.compile(r"(-[ \t\r\n]+)?/\*")
_COMMENT_END = re.compile(r"([ \t\r\n]+-)?\}\}")
_TRIM_OPEN = re.compile(r"-[ \t\r\n]")
_TRIM_CLOSE = re.compile(r"[ \t\r\n]+-\}\}")
# A letter, digit or underscore right after a word, field or variable belongs to it (\w is Unicode).
_ACTION_TOKENS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    (Kind.SPACE, re.compile(r"[ \t\r\n]+")),
    (Kind.NUMBER, re.compile(r"[+-]?(?:\.[0-9]|[0-9])(?:[eEpP][+-]|[\w.])*")),
    (Kind.FIELD, re.compile(r"\.\w+")),
    (Kind.DOT, re.compile(r"\.")),
    (Kind.VARIABLE, re.compile(r"\$\w*")),
    (Kind.WORD, re.compile(r"\w+")),
    (Kind.STRING, re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')),
    (Kind.CHARACTER, re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")),
    (Kind.RAW_STRING, re.compile(r"`[^`]*`")),
    (Kind.PUNCTUATION, re.compile(r":=|[=|(),]")),
)
_UNFINISHED = {
    '"': "unterminated quoted string",
    "'": "unterminated character constant",
    "`": "unterminated raw quoted string",
    ":": "expected :=",
}
_SELF_DELIMITED = {Kind.SPACE, Kind.STRING, Kind.CHARACTER, Kind.RAW_STRING, Kind.PUNCTUATION}


def lex(source: str) -> Iterator[Token]:
    """Tokens, closed by END. Raises TemplateError, lazily, where something cannot be a token."""
    position = 0
    trim = False
    while True:
        opening = source.find("{{", position)
        text = source[position:] if opening < 0 else source[position:opening]
        start = position
        if trim:
            start += len(text) - len(text.lstrip(WHITESPACE))
            text = text.lstrip(WHITESPACE)
        if opening >= 0 and _trims_before(source, opening + 2):
            text = text.rstrip(WHITESPACE)
        if text:
            yield Token(Kind.TEXT, text, start)
        if opening < 0:
            yield Token(Kind.END, "", len(source))
            return
        comment = _COMMENT_START.match(source, opening + 2)
        if comment:
            position, trim = _skip_comment(source, opening, comment.end())
        else:
            position, trim = yield from _lex_action(source, opening)


def _trims_before(source: str, position: int) -> bool:
    return bool(_TRIM_OPEN.match(source, position))


def _skip_comment(source: str, opening: int, start: int) -> tuple[int, bool]:
    end = source.find("*/", start)
    if end < 0:
        raise parse_error(source, opening, "unclosed comment")
    close = _COMMENT_END.match(source, end + 2)
    if not close:
        raise parse_error(source, opening, "comment ends before closing delimiter")
    return close.end(), close[1] is not None


def _lex_action(source: str, opening: int) -> Generator[Token, None, tuple[int, bool]]:
    """The tokens of one action; returns where it ends and whether it trims what follows."""
    yield Token(Kind.OPEN, "{{", opening)
    position = opening + (3 if _trims_before(source, opening + 2) else 2)
    while True:
        trim_close = _TRIM_CLOSE.match(source, position)
        if trim_close or source.startswith("}}", position):
            yield Token(Kind.CLOSE, "}}", position)
            return (trim_close.end(), True) if trim_close else (position + 2, False)
        if position >= len(source):
            raise parse_error(source, opening, "unclosed action")
        token = _next_token(source, position)
        yield token
        position += len(token.text)


def _next_token(source: str, position: int) -> Token:
    for kind, pattern in _ACTION_TOKENS:
        match = pattern.match(source, position)
        if match and match.end() > position:
            token = Token(kind, match[0], position)
            _check_border(source, token)
            return token
    character = source[position]
    problem = _UNFINISHED.get(character)
    if problem is None:
        problem = f"unexpected {quote(character)} in action"
    raise parse_error(source, position, problem)


def _check_border(source: str, token: Token) -> None:
    """Words and numbers must not run into anything but a space or punctuation."""
    if token.kind in _SELF_DELIMITED or token.kind is Kind.DOT:
        return
    following = source[token.position + len(token.text) :][:2]
    if token.kind is Kind.NUMBER:
        return  # the pattern took all that could belong to it; parse.py judges
    if following and following[0] not in WHITESPACE + ".,|:=()" and following != "}}":
        raise parse_error(source, token.position, f"bad character {quote(following[0])}")


def quote(text: str) -> str:
    """A Go string literal."""
    shown = [_ESCAPES.get(character) or _escape(character) for character in text]
    return f'"{"".join(shown)}"'


_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _escape(character: str) -> str:
    code = ord(character)
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
