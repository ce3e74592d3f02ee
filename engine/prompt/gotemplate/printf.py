"""Go's fmt: print, println and printf with its verbs."""

import re
from collections.abc import Sequence

from engine.prompt.gotemplate.errors import FailureError
from engine.prompt.gotemplate.lex import quote
from engine.prompt.gotemplate.values import (
    MAX_TEXT_CHARS,
    Absent,
    format_float,
    to_text,
    type_name,
)

MAX_WIDTH = 10_000

_VERB = re.compile(r"%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d+)?)?(.)?", re.DOTALL)


def sprint(values: Sequence[object]) -> str:
    """A space goes between two operands when neither is a text."""
    pieces: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            pieces.append(" ")
        pieces.append(to_text(value))
    return join_limited(pieces)


def sprintln(values: Sequence[object]) -> str:
    """Spaces between all operands, and an end of line."""
    return join_limited([" ".join(map(to_text, values)), "\n"])


def sprintf(form: str, values: Sequence[object]) -> str:
    """Mistakes in the format show up in the text, as in Go. Raises FailureError over the limits."""
    arguments = _Arguments(values)
    pieces: list[str] = []
    end = 0
    for match in _VERB.finditer(form):
        pieces += [form[end : match.start()], _format(match, arguments)]
        end = match.end()
    pieces.append(form[end:])
    extra = arguments.rest()
    if extra:
        shown = ", ".join(f"{type_name(value)}={to_text(value)}" for value in extra)
        pieces.append(f"%!(EXTRA {shown})")
    return join_limited(pieces)


def join_limited(pieces: Sequence[str]) -> str:
    """Raises FailureError when the text would be too long."""
    if sum(map(len, pieces)) > MAX_TEXT_CHARS:
        raise FailureError(f"text is longer than {MAX_TEXT_CHARS} characters")
    return "".join(pieces)


class _Arguments:
    def __init__(self, values: Sequence[object]) -> None:
        self._values = values
        self._next = 0

    def take(self) -> tuple[bool, object]:
        """Whether there is one more, and what."""
        if self._next >= len(self._values):
            return False, None
        self._next += 1
        return True, self._values[self._next - 1]

    def rest(self) -> Sequence[object]:
        return self._values[self._next :]


def _format(match: re.Match[str], arguments: _Arguments) -> str:
    flags, width_text, precision_text, verb = match.groups()
    has_precision = "." in match[0].removesuffix(verb or "") if verb != "." else False
    width = _number(width_text, arguments)
    if width is None and width_text:
        return "%!(BADWIDTH)"
    precision = _number(precision_text, arguments) if has_precision else None
    if has_precision and precision is None:
        precision = 0
    if width is not None and width < 0:
        flags, width = f"{flags}-", -width
    if verb is None:
        return "%!(NOVERB)"
    if verb == "%":
        return "%"
    found, value = arguments.take()
    if not found:
        return f"%!{verb}(MISSING)"
    text = format_value(value, verb, flags, precision)
    if text is None:
        return f"%!{verb}({type_name(value)}={to_text(value)})"
    return _pad(text, width or 0, flags, numeric=isinstance(value, int | float))


def _number(text: str | None, arguments: _Arguments) -> int | None:
    if not text:
        return None
    number: object = arguments.take()[1] if text == "*" else int(text)
    if not isinstance(number, int) or isinstance(number, bool):
        return None
    if abs(number) > MAX_WIDTH:
        raise FailureError(f"width or precision is over {MAX_WIDTH}")
    return number


def _pad(text: str, width: int, flags: str, *, numeric: bool) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and numeric:
        sign = text[:1] if text[:1] in ("+", "-") else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def format_value(value: object, verb: str, flags: str, precision: int | None) -> str | None:
    """The value by one verb, before padding. None: the verb does not suit the value."""
    if verb == "v":
        return _default(value, flags)
    if verb == "T":
        return type_name(value)
    if isinstance(value, bool):
        return to_text(value) if verb == "t" else None
    if isinstance(value, int):
        return _integer(value, verb, flags)
    if isinstance(value, float):
        return _float(value, verb, flags, precision)
    if value is None or isinstance(value, Absent):
        return None
    return _text(to_text(value), verb, precision)


def _text(text: str, verb: str, precision: int | None) -> str | None:
    if verb in "sq":
        shown = text[:precision] if precision is not None else text
        return quote(shown) if verb == "q" else shown
    if verb in "xX":
        digits = text.encode("utf-8", "replace").hex()
        return digits if verb == "x" else digits.upper()
    return None


def _default(value: object, flags: str) -> str:
    if "#" in flags and isinstance(value, str):
        return quote(value)
    text = to_text(value)
    plus = "+" in flags and isinstance(value, int | float) and not isinstance(value, bool)
    return f"+{text}" if plus and not text.startswith(("-", "+")) else text


def _integer(value: int, verb: str, flags: str) -> str | None:
    if verb == "c":
        return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000 else "\ufffd"
    if verb == "q":
        return f"'{chr(value)}'" if 0 <= value <= 0x10FFFF else None
    if verb == "U":
        return f"U+{value:04X}"
    if verb not in "dboxX":
        return None
    prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(verb, "") if "#" in flags else ""
    return _signed(prefix + format(abs(value), verb), value < 0, flags)


def _float(value: float, verb: str, flags: str, precision: int | None) -> str | None:
    if verb not in "eEfFgG":
        return None
    if verb in "gG" and precision is None:
        text = format_float(abs(value))
    else:
        text = format(abs(value), f".{6 if precision is None else precision}{verb}")
    return _signed(text.removeprefix("+"), value < 0, flags)


def _signed(text: str, negative: bool, flags: str) -> str:
    if negative:
        return f"-{text}"
    return f"+{text}" if "+" in flags else f" {text}" if " " in flags else text
