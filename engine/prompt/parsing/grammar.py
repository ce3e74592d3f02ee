"""Grammars that make a model call tools, in llguidance's dialect of Lark. Pure.

They stand on their own: a format's tags, then calls of the tools asked for, then the end. Strings
in JSON, order of members and spacing are as constraints of the engine write them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.prompt.parsing.calls import write_json
from engine.prompt.parsing.channels import identifier
from engine.prompt.parsing.format import (
    CallBody,
    CallFormat,
    Channels,
    OutputFormat,
    Tags,
    split_tags,
)
from engine.prompt.parsing.json_calls import JsonBody
from engine.prompt.parsing.literal_calls import GemmaBody, PythonBody
from engine.prompt.parsing.named_calls import NamedBody
from engine.prompt.parsing.tagged_calls import KEY, TaggedBody
from engine.prompt.parsing.typed import name_of, parameters_of

Tool = Mapping[str, Any]
Choice = Literal["auto", "required"]

_JSON_STYLE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_ID = "/[a-zA-Z0-9]{9}/"
_SPACE = "SPACE"
_SPACE_RULE = "SPACE: /[ \\n]{0,2}/"
_ANY = "/(.|\\n)*/"
_GEMMA_TYPES = {
    "string": "gemma_text",
    "boolean": '("true" | "false")',
    "integer": "/-?(0|[1-9][0-9]{0,15})/",
    "number": "gemma_number",
    "array": "gemma_list",
    "object": "gemma_map",
}
_GEMMA_RULES = (
    "gemma_value: gemma_text | gemma_number | gemma_word | gemma_list | gemma_map",
    "gemma_number: /-?(0|[1-9][0-9]{0,15})(\\.[0-9]{1,15})?/",
    'gemma_word: "true" | "false" | "null"',
    'gemma_list: "[" (gemma_value ("," gemma_value)*)? "]"',
    'gemma_map: "{" (gemma_pair ("," gemma_pair)*)? "}"',
    'gemma_pair: /[A-Za-z_][A-Za-z0-9_]*/ ":" gemma_value',
)


@dataclass(frozen=True)
class ToolGrammar:
    """What to constrain an answer to."""

    lark: str
    after: str = ""
    """The constraint starts behind this text: the trigger of a call, when the model is free to
    call or not. Empty: with the first token (or behind the thoughts)."""


def tool_grammar(
    form: OutputFormat,
    tools: Sequence[Tool],
    choice: Choice = "required",
    *,
    is_parallel: bool = True,
    specials: Mapping[str, int] | None = None,
) -> ToolGrammar | None:
    """The grammar for calls of the tools; for a named choice, pass that tool alone.

    `is_parallel`: several calls are allowed, if the format has room for them. `specials`: the
    vocabulary's control tokens; grammars name these by number. None when the format has no calls,
    or with "auto" when nothing marks the start of one.
    """
    writer = _Writer(specials or {})
    is_parallel = is_parallel and form.is_parallel
    if form.channels and choice == "required":
        start = writer.channels(form.channels, tools, is_parallel=is_parallel)
        return ToolGrammar(writer.write(start))
    if not form.calls or not tools:
        return None
    calls = form.calls[0]
    if choice == "required":
        return ToolGrammar(writer.write(writer.calls(calls, tools, is_parallel=is_parallel)))
    if not calls.triggers:
        return None
    start = writer.calls(calls, tools, is_parallel=is_parallel, is_open=True)
    return ToolGrammar(writer.write(start), calls.triggers[0])


class _Writer:
    """Collects the rules of one grammar."""

    def __init__(self, specials: Mapping[str, int]) -> None:
        self._specials = specials
        ordered = sorted(specials, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, ordered))) if ordered else None
        self._rules: list[str] = []

    def write(self, start: str) -> str:
        """The whole grammar."""
        return "\n".join([f"start: {start}", *self._rules, _SPACE_RULE]) + "\n"

    def calls(
        self, form: CallFormat, tools: Sequence[Tool], *, is_parallel: bool, is_open: bool = False
    ) -> str:
        """One call or several. `is_open`: the first tag was written already."""
        body = form.body
        self._rule("call", " | ".join(self._call(body, tool) for tool in tools))
        lead = (*form.section_opening, *form.opening)
        opening = self._tags(lead[1:] if is_open else lead)
        closing, section_closing = self._tags(form.closing), self._tags(form.section_closing)
        if isinstance(body, PythonBody) or (isinstance(body, JsonBody) and body.is_list):
            more = ' (", " call)*' if is_parallel else ""
            return self._join(opening, f'"[" call{more} "]"', closing, section_closing)
        # Names follow their tags at once.
        glue = _SPACE if body.is_json else ""
        first = self._join(self._join(opening, "call", space=glue), closing)
        one = self._join(self._join(self._tags(form.opening), "call", space=glue), closing)
        more = (
            f"({_SPACE} {one})*" if is_parallel and (form.opening or form.section_opening) else ""
        )
        return self._join(f"{first} {more}", section_closing)

    def channels(self, channels: Channels, tools: Sequence[Tool], *, is_parallel: bool) -> str:
        """Thoughts if the model likes, then a message to a tool."""
        start, message = self._text(channels.start), self._text(channels.message)
        if channels.style == "function":
            one = self._any_of(tools, lambda name: self._text(f"{name}\n"))
            return f"{one} ({start} {one})*" if is_parallel else one
        lead = " to=self" if channels.style == "recipient" else "<|channel|>analysis"
        self._rule("thought", f'{self._until(channels.ends[0])} {start} "assistant"')
        before = f"({self._text(lead)} {message} thought)?"
        if channels.calls is not None:
            return f"{before} {self._recipients(channels.calls, message, tools)}"
        head = "<|channel|>commentary to=functions.{} <|constrain|>json"
        named = self._any_of(
            tools, lambda name: f"{self._text(head.format(identifier(name)))} {message}"
        )
        return f"{before} {named}"

    def _recipients(self, form: CallFormat, message: str, tools: Sequence[Tool]) -> str:
        choices = []
        for tool in tools:
            opening = self._tags((*form.section_opening, *form.opening))
            closing = self._tags((*form.closing, *form.section_closing))
            tagged = self._join(f"{opening} {self._call(form.body, tool)}", closing)
            choices.append(f"{self._text(f' to={name_of(tool)}')} {message} {tagged}")
        return f"({' | '.join(choices)})"

    def _any_of(self, tools: Sequence[Tool], head: Callable[[str], str]) -> str:
        choices = [f"{head(name_of(tool))} {_arguments(parameters_of(tool))}" for tool in tools]
        return f"({' | '.join(choices)})"

    def _call(self, body: CallBody, tool: Tool) -> str:
        name, parameters = name_of(tool), parameters_of(tool)
        match body:
            case JsonBody():
                return self._json_call(body, name, parameters)
            case NamedBody():
                return self._named_call(body, name, parameters)
            case TaggedBody():
                return self._tagged_call(body, name, parameters)
            case PythonBody():
                pairs = self._pairs(parameters, lambda key: f"{key}=", _json)
                return f'{self._text(f"{name}(")} {pairs} ")"'
            case GemmaBody():
                return self._gemma_call(body, name, parameters)
        raise AssertionError(body)

    def _json_call(self, body: JsonBody, name: str, parameters: Mapping[str, Any]) -> str:
        if not body.name_key:
            return f'{self._text("{" + write_json(name) + ": ")} {_arguments(parameters)} "}}"'
        head = f'"{body.name_key}": {write_json(name)}, '
        head += f'"{body.arguments_key}": '
        call_id = f' ", \\"{body.id_key}\\": \\"" {_ID} "\\""' if body.id_key else ""
        opening, closing = ("{", "}")
        if body.is_nested:
            opening, closing = ('{"function": {', "}}")
        return (
            f"{self._text(opening + head)} {_arguments(parameters)}{call_id} {self._text(closing)}"
        )

    def _named_call(self, body: NamedBody, name: str, parameters: Mapping[str, Any]) -> str:
        parts = []
        for slot in body.slots:
            if slot.kind == "id":
                parts.append(_ID)
            elif body.is_numbered:
                parts += [self._text(f"functions.{name}:"), "/[0-9]{1,3}/"]
            else:
                parts.append(self._text(name))
            parts.append(self._text(slot.end))
        return self._join(*parts, _arguments(parameters), space="")

    def _tagged_call(self, body: TaggedBody, name: str, parameters: Mapping[str, Any]) -> str:
        head = self._text(name + body.name_end)
        if body.head_end:
            head = self._join(head, "/[0-9]{1,3}/", self._text(body.head_end), space="")
        parts = [head]
        needed = _required(parameters)
        for key, schema in _properties(parameters).items():
            argument = self._tagged_argument(body, key, schema, parameters)
            parts.append(argument if key in needed else f"({argument})?")
        return self._join(*parts)

    def _tagged_argument(
        self, body: TaggedBody, key: str, schema: object, root: Mapping[str, Any]
    ) -> str:
        schema = schema if isinstance(schema, Mapping) else {}
        words = _text_enum(schema)
        is_text = bool(words) or schema.get("type") == "string"
        first_end, *more_ends = split_tags(body.key_end)
        head = self._tags((body.key_opening + key + first_end, *more_ends))
        if body.attribute_end:
            other = _OTHER.get(body.text_attribute, "json")
            attribute = body.text_attribute if is_text else other
            head = self._text(body.key_opening + key + body.key_end + attribute)
            head += f" {self._text(body.attribute_end)}"
        value_end = body.value_end.replace(KEY, key)
        if words:
            return f"{head} {self._one_of(words)} {self._text(value_end)}"
        if is_text:
            return f"{head} {self._until(value_end)}"
        value = _json({**_definitions(root), **schema})
        return f"{head} {_SPACE} {value} {_SPACE} {self._text(value_end)}"

    def _one_of(self, words: Sequence[str]) -> str:
        return f"({' | '.join(self._text(word) for word in words)})"

    def _gemma_call(self, body: GemmaBody, name: str, parameters: Mapping[str, Any]) -> str:
        if not any(rule.startswith("gemma_text:") for rule in self._rules):
            self._rule("gemma_text", f"{self._text(body.quote)} {self._until(body.quote)}")
        self._rules += [rule for rule in _GEMMA_RULES if rule not in self._rules]

        def value(schema: Mapping[str, Any]) -> str:
            if words := _text_enum(schema):
                return f"{self._text(body.quote)} {self._one_of(words)} {self._text(body.quote)}"
            return _GEMMA_TYPES.get(str(schema.get("type")), "gemma_value")

        pairs = self._pairs(parameters, lambda key: f"{key}:", value, ",")
        return f'{self._text(name + "{")} {pairs} "}}"'

    def _pairs(
        self,
        parameters: Mapping[str, Any],
        head: Callable[[str], str],
        value: Callable[[Mapping[str, Any]], str],
        separator: str = ", ",
    ) -> str:
        """The arguments in the order of the schema; those that are not required may be left out.

        What was left out decides where separators stand, so the rules are built from the end.
        """
        needed = _required(parameters)
        rest_first, rest_more = '""', '""'
        for key, schema in reversed(_properties(parameters).items()):
            inner = {**_definitions(parameters), **schema} if isinstance(schema, Mapping) else {}
            pair = f"{self._text(head(key))} {value(inner)}"
            is_needed = key in needed
            follow = f"{write_json(separator)} {pair} {rest_more}"
            follow = self._part(follow, rest_more, is_needed=is_needed)
            first = self._part(f"{pair} {rest_more}", rest_first, is_needed=is_needed)
            rest_first, rest_more = first, follow
        return rest_first

    def _part(self, present: str, absent: str, *, is_needed: bool) -> str:
        name = f"part_{len(self._rules)}"
        self._rules.append(f"{name}: {present}" if is_needed else f"{name}: {present} | {absent}")
        return name

    def _until(self, closing: str) -> str:
        """Any text and the tag that ends it."""
        name = f"text_{len(self._rules)}"
        if closing in self._specials:
            self._rules.append(f"{name}: {_ANY} {self._text(closing)}")
        else:
            self._rules.append(f"{name}[suffix={write_json(closing)}]: {_ANY}")
        return name

    def _rule(self, name: str, text: str) -> None:
        rule = f"{name}: {text}"
        if rule not in self._rules:
            self._rules.append(rule)

    def _tags(self, tags: Tags) -> str:
        return self._join(*(self._text(tag) for tag in tags))

    def _join(self, *parts: str, space: str = _SPACE) -> str:
        return f" {space} ".join(part for part in parts if part)

    def _text(self, text: str) -> str:
        """A text as grammar; control tokens in it by their numbers."""
        parts = []
        while text:
            match = self._special.search(text) if self._special else None
            plain = text[: match.start()] if match else text
            if plain:
                parts.append(write_json(plain))
            if match is None:
                break
            parts.append(f"<[{self._specials[match.group()]}]>")
            text = text[match.end() :]
        return " ".join(parts)


_OTHER = {"true": "false", "string": "json"}
"""The attribute of values that are no text."""


def _json(schema: Mapping[str, Any]) -> str:
    return "%json " + write_json({**schema, "x-guidance": _JSON_STYLE})


def _arguments(parameters: Mapping[str, Any]) -> str:
    return _json({"type": "object", **parameters})


def _properties(parameters: Mapping[str, Any]) -> dict[str, Any]:
    properties = parameters.get("properties")
    return dict(properties) if isinstance(properties, Mapping) else {}


def _required(parameters: Mapping[str, Any]) -> set[str]:
    required = parameters.get("required")
    return set(map(str, required)) if isinstance(required, list) else set()


def _definitions(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {key: parameters[key] for key in ("$defs", "definitions") if key in parameters}


def _text_enum(schema: Mapping[str, Any]) -> list[str]:
    """The words that are allowed, if there are only some and all are text."""
    words = schema.get("enum")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return []
    return words
