"""Tool calls of models with a Go template, as Ollama reads them (spec 5.3). Pure."""

import re
from collections.abc import Iterator
from typing import Any

from engine.prompt.gotemplate.nodes import Branch, Field, Statement, Text, walk
from engine.prompt.gotemplate.template import Template
from engine.prompt.parsing.calls import Calls, write_json
from engine.prompt.parsing.events import Content
from engine.prompt.parsing.source import MismatchError, Source, Steps
from engine.prompt.parsing.typed import load_json

_TOKEN_AND_BRACKET = re.compile(r"(\[[A-Z_]+\]|<[^<>]+>)\s*\[")
"""A list in a tag: whether the model puts a space between is left to the model."""
_BRACKETS = ("{", "[")
_QUIET = re.compile(r"[^{}\"]+")
_IN_STRING = re.compile(r"[^\"\\]+")
_MOST_CHARS = 1 << 24
_LEFTOVER = re.compile(r"(?:\s|[\[\]{},;]|<[/|][^<>\s]*>|<\uff5c[^<>\s]*>|\[/[A-Z_]+\])*")


def find_go_tag(template: Template) -> str:
    """The text that opens tool calls, by the first `if` over .ToolCalls; "{" if none is found."""
    for body in (template.tree.body, *template.tree.templates.values()):
        for node in (node for statement in body for node in walk(statement)):
            if isinstance(node, Branch) and node.keyword == "if" and _mentions_calls(node):
                text = next(_texts(node.body), "").partition("{")[0].strip()
                token = _TOKEN_AND_BRACKET.fullmatch(text)
                return token.group(1) if token else text or "{"
    return "{"


def _mentions_calls(branch: Branch) -> bool:
    nodes = walk(branch.pipe)
    return any(isinstance(node, Field) and "ToolCalls" in node.names for node in nodes)


def _texts(body: tuple[Statement, ...]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, Text) and statement.text.strip():
            yield statement.text
        elif isinstance(statement, Branch):
            yield from _texts(statement.body)
            yield from _texts(statement.otherwise)


def parse_go_calls(source: Source, tag: str, calls: Calls) -> Steps[None]:
    """Reads all that follows the thoughts."""
    is_bracket = tag in _BRACKETS
    if is_bracket:
        yield from source.skip_space()
        here = yield from source.peek()
        found = here if here == tag else ""
    else:
        found = yield from source.stream_until((tag,), Content)
    count = 0
    if found:
        count = yield from _calls(source, tag, calls)
    if not is_bracket and count:
        # Closing tags, of which this way of reading knows nothing.
        rest = yield from source.take_rest()
        leftover = _LEFTOVER.match(rest)
        source.rewind()
        source.advance(leftover.end() if leftover else 0)
        yield from source.markup()
    source.rewind()
    yield from source.stream_until((), Content)


def _calls(source: Source, tag: str, calls: Calls) -> Steps[int]:
    """How many there were; what follows the last is unread."""
    count = 0
    is_list = False
    if tag not in _BRACKETS:
        source.advance(len(tag))
    elif tag == "[":
        is_list = True
        source.advance(1)
    try:
        while True:
            found = yield from _first_object(source)
            name = yield from _name(source, calls)
            arguments = find_arguments(found, name)
            if arguments is None:
                raise MismatchError("no arguments")
            yield calls.start(name)
            text = write_json(arguments)
            yield calls.argue(text)
            yield calls.complete(text, source.read())
            count += 1
            if tag in _BRACKETS:
                yield from source.skip_space()
                if not is_list:
                    break
                if (yield from source.accept("]")):
                    break
        yield from source.markup()
    except MismatchError:
        if calls.is_started:
            yield calls.drop()
        source.rewind()
    return count


def _name(source: Source, calls: Calls) -> Steps[str]:
    """The first tool's name since the last call. Raises MismatchError."""
    names = tuple(name for name in calls.names if name)
    if not names:
        raise MismatchError("no tools")
    ordered = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    match = re.search(ordered, source.unread())
    if match:
        return match.group()
    yield from source.take_until(names)
    for name in sorted(names, key=len, reverse=True):
        if (yield from source.accept(name)):
            return name
    raise MismatchError("no name")


def _first_object(source: Source) -> Steps[dict[str, Any]]:
    """The first object in braces that is JSON. Raises MismatchError at the end."""
    while True:
        yield from source.take_until(("{",))
        text = yield from _balanced(source)
        try:
            value = load_json(text)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value


def _balanced(source: Source) -> Steps[str]:
    """From a brace to the one that closes it."""
    parts: list[str] = []
    depth = 0
    while True:
        parts.append((yield from source.take_run(_QUIET, _MOST_CHARS)))
        sign = yield from source.peek()
        if not sign:
            raise MismatchError("open brace")
        if sign == '"':
            parts.append((yield from _quoted(source)))
            continue
        parts.append(source.advance(1))
        depth += 1 if sign == "{" else -1
        if depth == 0:
            return "".join(parts)


def _quoted(source: Source) -> Steps[str]:
    parts = [source.advance(1)]
    while True:
        parts.append((yield from source.take_run(_IN_STRING, _MOST_CHARS)))
        pair = yield from source.lookahead(2)
        if not pair:
            raise MismatchError("open string")
        if pair[0] == '"':
            parts.append(source.advance(1))
            return "".join(parts)
        parts.append(source.advance(len(pair)))


def find_arguments(value: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The arguments of the tool in an object; None if it has a name and no arguments."""
    if isinstance(value.get("name"), str):
        return _named_arguments(value)
    found = _search(value, name)
    return value if found is None else found


def _named_arguments(value: dict[str, Any]) -> dict[str, Any] | None:
    candidates = (_as_object(value.get(key)) for key in ("arguments", "parameters"))
    return next((found for found in candidates if found is not None), None)


def _search(value: object, name: str) -> dict[str, Any] | None:
    inner: list[object] = []
    if isinstance(value, list):
        inner = value
    elif isinstance(value, dict):
        if isinstance(value.get("name"), str):
            return _named_arguments(value)
        by_name = value.get(name)
        if isinstance(by_name, dict):
            return by_name
        inner = list(value.values())
    return next((found for item in inner if (found := _search(item, name)) is not None), None)


def _as_object(value: object) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = load_json(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
