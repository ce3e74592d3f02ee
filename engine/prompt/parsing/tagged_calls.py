"""Calls whose arguments stand in tags, one by one: Qwen3-Coder, GLM, MiniMax, DSML. Pure."""

from dataclasses import dataclass

from engine.prompt.parsing.calls import MOST_NAME_CHARS, Calls, check_name, write_json
from engine.prompt.parsing.format import Tags, require, split_tags
from engine.prompt.parsing.source import Source, Steps
from engine.prompt.parsing.typed import load_json, trim_newlines, typed_value

KEY = "\0"
"""Stands for the argument's name in `value_end`."""


@dataclass(frozen=True)
class TaggedBody:
    """`name> <parameter=key>value</parameter> ...` and its like."""

    key_opening: str
    key_end: str
    value_end: str
    """The key stands as a zero character where the closing tag repeats it."""
    name_end: str = ""
    """Empty: the name ends with its line, or where the next tag begins."""
    head_end: str = ""
    """After the name there are attributes, up to this text."""
    attribute_end: str = ""
    """After the key there is an attribute, up to this text."""
    text_attribute: str = ""
    """The attribute of values that are text as they stand; all others are JSON."""

    @property
    def texts(self) -> Tags:
        return (self.name_end, self.head_end, self.key_opening, self.key_end, self.value_end)

    @property
    def is_json(self) -> bool:
        return False

    def read(self, source: Source, calls: Calls, closing: Tags) -> Steps[None]:
        """See CallBody."""
        name = yield from self._name(source, closing)
        yield calls.start(name)
        parts = ["{"]
        keys: set[str] = set()
        yield calls.argue("{")
        while True:
            yield from source.skip_space()
            # Looked at first: a closing tag may start like the tag of an argument.
            if (yield from _is_next(source, closing)):
                break
            if not (yield from source.accept(self.key_opening)):
                break
            lead = ", " if keys else ""
            key, piece = yield from self._argument(source, calls, name, lead)
            require(key not in keys, "an argument twice")
            keys.add(key)
            parts.append(piece)
        yield from self._end(source, calls, closing, (name, keys))
        yield calls.argue("}")
        yield calls.complete("".join((*parts, "}")), source.read())

    def _name(self, source: Source, closing: Tags) -> Steps[str]:
        ends = (self.name_end,) if self.name_end else (self.key_opening, *closing[:1])
        name = check_name((yield from source.take_until(ends, MOST_NAME_CHARS)))
        yield from source.accept(self.name_end)
        if self.head_end:
            yield from source.take_until((self.head_end,), MOST_NAME_CHARS)
            yield from source.accept(self.head_end)
        return name

    def _argument(
        self, source: Source, calls: Calls, tool: str, lead: str
    ) -> Steps[tuple[str, str]]:
        """Tells one argument; answers its key and its JSON text, each with what leads to it."""
        key = yield from self._key(source)
        attribute = None
        if self.attribute_end:
            attribute = yield from source.take_until((self.attribute_end,), MOST_NAME_CHARS)
            yield from source.accept(self.attribute_end)
        lead = f"{lead}{write_json(key)}: "
        value_end = self.value_end.replace(KEY, key)
        types = calls.types(tool, key)
        if attribute is None and types == {"string"}:
            yield from source.accept("\n")
            is_text = (yield from source.lookahead(4)).lower() != "null"
        else:
            is_text = attribute is not None and attribute == self.text_attribute
        if is_text:
            text = yield from self._text(source, calls, value_end, lead, attribute is None)
            return key, text
        text = yield from source.take_until((value_end,))
        yield from source.accept(value_end)
        value = typed_value(text, types) if attribute is None else _json_or_text(text)
        piece = f"{lead}{write_json(value)}"
        yield calls.argue(piece)
        return key, piece

    def _key(self, source: Source) -> Steps[str]:
        first_end, *more_ends = split_tags(self.key_end)
        key = (yield from source.take_until((first_end,), MOST_NAME_CHARS)).strip()
        require(bool(key) and "\n" not in key, "not a key")
        yield from source.accept(first_end)
        for tag in more_ends:
            yield from source.skip_space()
            yield from source.expect(tag)
        return key

    def _text(
        self, source: Source, calls: Calls, value_end: str, lead: str, is_trimmed: bool
    ) -> Steps[str]:
        """A value that is text for certain: told as it comes. It may be a whole file."""
        parts = [f'{lead}"']
        yield calls.argue(parts[0])
        is_last = False
        while not is_last:
            text, is_last = yield from source.take_some(value_end)
            if is_last and is_trimmed:
                text = text.removesuffix("\n")
            parts.append(write_json(text)[1:-1])
            yield calls.argue(parts[-1])
        yield from source.accept(value_end)
        parts.append('"')
        yield calls.argue('"')
        return "".join(parts)

    def _end(
        self, source: Source, calls: Calls, closing: Tags, read: tuple[str, set[str]]
    ) -> Steps[None]:
        """An answer may end without the closing tag, but not in the middle of a call."""
        if not (yield from source.peek()):
            require(calls.has_required(*read), "cut short")
            return
        if closing:
            require((yield from _is_next(source, closing)), "no closing tag")


def _is_next(source: Source, closing: Tags) -> Steps[bool]:
    if not closing:
        return False
    here = yield from source.lookahead(len(closing[0]))
    return here == closing[0]


def _json_or_text(text: str) -> object:
    try:
        return load_json(text)
    except ValueError:
        return trim_newlines(text)
