"""What one rendering of a Jinja template may spend, and what operations cost. Pure.

Every weigh_* function is called before the operation it weighs and raises SecurityError when the
result would be out of bounds.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from itertools import chain

from jinja2.exceptions import SecurityError

MAX_TEXT_CHARS = 8 * 1024 * 1024
"""Longest text (or list) that any single operation may produce."""
MAX_BUILT_CHARS = 256 * 1024 * 1024
"""Sum over all operations of one rendering."""
MAX_STEPS = 1_000_000
"""Loop turns in one rendering; a call counts as CALL_STEPS of them, as it takes about that long."""
CALL_STEPS = 10
MAX_WIDTH = 10_000
"""Largest number that may mean a width or a count."""
MAX_ITEMS = 200_000
"""Members of a nested value that is turned into text."""
MAX_INT_BITS = 4096

_WIDE_PERCENT = re.compile(r"%[^a-zA-Z%]*(?:\d{5,}|\*)")
_WIDE_BRACES = re.compile(r"\{[^{}]*(?:\d{5,}|\{)")


class Budget:
    """What is left."""

    def __init__(self) -> None:
        self._steps = MAX_STEPS
        self._chars = MAX_BUILT_CHARS

    def step(self, steps: int = 1) -> None:
        """Raises SecurityError when none is left."""
        self._steps -= steps
        if self._steps < 0:
            raise SecurityError("the template does not come to an end")

    def build(self, chars: int) -> None:
        """A text or list of this length is about to be built. Raises SecurityError."""
        self._chars -= chars
        if chars > MAX_TEXT_CHARS or self._chars < 0:
            raise SecurityError("the template builds too large a text")


_current: ContextVar[Budget] = ContextVar("template_budget")


class Spending:
    """`with Spending():` gives the rendering inside a fresh budget."""

    def __enter__(self) -> None:
        self._token = _current.set(Budget())

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def budget() -> Budget:
    """The budget of the rendering that is going on in this thread."""
    return _current.get()


def weigh_operator(operator: str, left: object, right: object) -> None:
    """`+ * ** %` on texts, lists and numbers."""
    match left, right:
        case int(), int() if operator != "%":
            _weigh_numbers(operator, left, right)
        case str(), _ if operator == "%":
            weigh_percent(left, right if isinstance(right, tuple | dict) else (right,))
        case ((str() | list() | tuple()), (str() | list() | tuple())) if operator == "+":
            budget().build(len(left) + len(right))
        case ((str() | list() | tuple() as repeated), int(times)) | (
            int(times),
            (str() | list() | tuple() as repeated),
        ) if operator == "*":
            budget().build(len(repeated) * max(times, 0))


def _weigh_numbers(operator: str, left: int, right: int) -> None:
    bits = left.bit_length() * abs(right) if operator == "**" else 0
    if operator == "*":
        bits = left.bit_length() + right.bit_length()
    if bits > MAX_INT_BITS:
        raise SecurityError("the template computes too large a number")


def weigh_method(
    owner: str, name: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> None:
    """A call of a text's own method."""
    values = (*args, *kwargs.values())
    match name:
        case "center" | "ljust" | "rjust" | "zfill" | "expandtabs":
            weigh_numbers(values)
            budget().build(len(owner) + MAX_WIDTH)
        case "format" | "format_map":
            _weigh_braces(owner, values)
        case "replace" if len(args) >= 2:
            weigh_replace(owner, str(args[0]), str(args[1]))
        case "join" if args and isinstance(args[0], list | tuple):
            weigh_join(owner, args[0])


def weigh_percent(form: str, values: Iterable[object]) -> None:
    """`form % values`, and the `format` filter."""
    _refuse_match(_WIDE_PERCENT, form)
    items = values.values() if isinstance(values, Mapping) else values
    budget().build(len(form) + form.count("%") * _longest(items))


def _weigh_braces(form: str, values: Iterable[object]) -> None:
    _refuse_match(_WIDE_BRACES, form.replace("{{", "").replace("}}", ""))
    budget().build(len(form) + form.count("{") * _longest(values))


def weigh_replace(text: str, old: str, new: str) -> None:
    """Replacing each `old` by `new`."""
    budget().build(len(text) + text.count(old) * max(len(new) - len(old), 0))


def weigh_join(separator: str, pieces: Sequence[object]) -> None:
    """Putting pieces together."""
    weigh_structure(pieces)
    budget().build(len(separator) * len(pieces))


def weigh_numbers(values: Iterable[object]) -> None:
    """Arguments that may mean a width or a count."""
    for value in values:
        if isinstance(value, int) and abs(value) > MAX_WIDTH:
            raise SecurityError(f"the template asks for a width or count over {MAX_WIDTH}")


def weigh_structure(value: object) -> None:
    """A nested value before it becomes text: a list that holds itself twice, twice, ... is huge."""
    if not isinstance(value, list | tuple | dict):
        return
    found = chars = 0
    layers = [iter((value,))]
    while layers:
        for item in layers[-1]:
            found += 1
            if found > MAX_ITEMS:
                raise SecurityError("the template builds too large a value")
            if isinstance(item, str):
                chars += len(item)
            elif isinstance(item, dict):
                layers.append(iter(tuple(item.values())))
                break
            elif isinstance(item, list | tuple):
                layers.append(iter(tuple(item)))
                break
        else:
            layers.pop()
    budget().build(chars)


def _refuse_match(pattern: re.Pattern[str], text: str) -> None:
    if pattern.search(text):
        raise SecurityError("the template formats a text with too large a width")


def _longest(values: Iterable[object]) -> int:
    nested = chain.from_iterable(
        value.values() if isinstance(value, dict) else (value,) for value in values
    )
    return max((len(value) for value in nested if isinstance(value, str)), default=0)
