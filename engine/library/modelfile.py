"""Modelfiles: text to commands and back (spec 2.3, 2.4). Pure and light: the CLI imports it.

The grammar is odd and widely used, so the reader follows it to the letter: a value runs to the
end of its line, or, if it begins with a quote, to the same quote at the end of a line. Nothing
is escaped. A carriage return ends a line as a line feed does, so that one of each counts twice.
"""

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from engine.library.errors import ModelfileError

MAX_BYTES = 1024 * 1024
MAX_LINES = 10_000

COMMANDS = (
    "from",
    "license",
    "template",
    "system",
    "adapter",
    "draft",
    "renderer",
    "parser",
    "parameter",
    "message",
    "requires",
)
ROLES = ("system", "user", "assistant")

_BAD_COMMAND = (
    "command must be one of "
    + ", ".join(f'"{name}"' for name in COMMANDS[:-1])
    + f', or "{COMMANDS[-1]}"'
)
BAD_ROLE = 'message role must be one of "system", "user", or "assistant"'
_UNEXPECTED_END = "unexpected EOF"

_NEWLINES = "\r\n"
_SPACES = " \t"


@dataclass(frozen=True)
class Command:
    """One command of a Modelfile."""

    name: str
    """Lower-case, one of COMMANDS."""
    args: str
    """The value, without quotes."""
    key: str = ""
    """Of `parameter` its name, of `message` its role."""


def decode_modelfile(data: bytes) -> str:
    """A Modelfile's bytes as text: UTF-8, or what its byte order mark says.

    Raises ModelfileError if it is too long.
    """
    if len(data) > MAX_BYTES:
        raise ModelfileError(f"the Modelfile is larger than {MAX_BYTES} bytes")
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def parse_modelfile(text: str) -> list[Command]:
    """The commands of a Modelfile. Raises ModelfileError (spec 2.3)."""
    if len(text) > MAX_BYTES:
        raise ModelfileError(f"the Modelfile is larger than {MAX_BYTES} bytes")
    commands = list(_Scanner(text.removeprefix("\ufeff")).commands())
    if not any(command.name == "from" for command in commands):
        raise ModelfileError("no FROM line")
    return commands


class _Scanner:
    """A position in the text. `_line` counts the newlines passed, from 1."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def commands(self) -> Iterable[Command]:
        while True:
            char = self._take()
            if not char:
                return
            if char == "#":
                self._skip_line()
            elif char not in _SPACES and char not in _NEWLINES:
                yield self._command(char)

    def _command(self, first: str) -> Command:
        name = self._name(first)
        if name == "parameter":
            return Command(name, key=self._word(digits=True), args=self._value())
        if name == "message":
            role = self._word(digits=False)
            if role not in ROLES:
                raise ModelfileError(BAD_ROLE, self._line)
            return Command(name, key=role, args=self._value())
        return Command(name, self._value())

    def _name(self, first: str) -> str:
        """The command's name, after its first character and up to the space behind it."""
        start = self._at
        while char := self._take():
            if char in _SPACES:
                break
            if not (char.isascii() and char.isalpha()):
                raise ModelfileError(_BAD_COMMAND, self._line)
        else:
            raise ModelfileError(_UNEXPECTED_END)
        name = (first + self._text[start : self._at - 1]).lower()
        if name not in COMMANDS:
            raise ModelfileError(_BAD_COMMAND, self._line)
        return name

    def _word(self, *, digits: bool) -> str:
        """A parameter's name or a role, up to the space behind it."""
        word = ""
        while char := self._take():
            if char in _SPACES:
                if word:
                    return word
            elif char.isascii() and (
                char.isalpha() or (digits and (char.isdigit() or char == "_"))
            ):
                word += char
            else:
                raise ModelfileError(f"{_UNEXPECTED_END}: {word}")
        raise ModelfileError(_UNEXPECTED_END)

    def _value(self) -> str:
        """Up to the end of the line at which the value is complete."""
        line = self._rest_of_line()
        start = line.strip()
        quote = '"""' if start.startswith('"""') else start[:1]
        if quote not in ('"""', '"'):
            self._take()
            return start
        if len(start) >= 2 * len(quote) and start.endswith(quote):
            self._take()
            return start[len(quote) : -len(quote)]
        parts = [line.lstrip()]
        while newline := self._take():
            line = self._rest_of_line()
            parts += (newline, line)
            if line.rstrip().endswith(quote):
                self._take()
                return "".join(parts).rstrip()[len(quote) : -len(quote)]
        raise ModelfileError(_UNEXPECTED_END)

    def _rest_of_line(self) -> str:
        """Up to the next newline, without what neither prints nor is a space."""
        start = self._at
        self._seek_newline()
        line = self._text[start : self._at]
        if line.isprintable():
            return line
        return "".join(char for char in line if char.isprintable() or char == "\t")

    def _skip_line(self) -> None:
        self._seek_newline()
        self._take()

    def _seek_newline(self) -> None:
        ends = [self._text.find(newline, self._at) for newline in _NEWLINES]
        self._at = min((end for end in ends if end >= 0), default=len(self._text))

    def _take(self) -> str:
        """The next character; "" at the end."""
        char = self._text[self._at : self._at + 1]
        self._at += len(char)
        if char and char in _NEWLINES:
            self._line += 1
            if self._line > MAX_LINES:
                raise ModelfileError(f"the Modelfile has more than {MAX_LINES} lines")
        return char


def format_modelfile(commands: Iterable[Command]) -> str:
    """Commands as a Modelfile's text, each ended by a newline (spec 2.4).

    What the grammar can't express (three quotes before a newline, characters that don't print)
    is written as it is.
    """
    lines = []
    for command in commands:
        words = [command.name.upper(), command.key, _quote(command.args)]
        lines.append(" ".join(word for word in words if word) + "\n")
    return "".join(lines)


def _quote(text: str) -> str:
    if text and text == text.strip() and not text.startswith('"') and not _has_newline(text):
        return text
    quote = '"""' if '"' in text else '"'
    return f"{quote}{text}{quote}"


def _has_newline(text: str) -> bool:
    return any(newline in text for newline in _NEWLINES)
