"""The parser of one answer: thoughts first, then content and tool calls by the format. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.prompt.parsing.calls import Calls
from engine.prompt.parsing.channels import parse_channels
from engine.prompt.parsing.events import Content, Event, Thinking, merge
from engine.prompt.parsing.format import CallFormat, OutputFormat
from engine.prompt.parsing.go_calls import parse_go_calls
from engine.prompt.parsing.probe import ends_in_thoughts, find_format
from engine.prompt.parsing.source import MismatchError, Source, Steps
from engine.prompt.template import ChatTemplate


def parser_for(
    template: ChatTemplate,
    prompt: str,
    tools: Sequence[Mapping[str, Any]] = (),
    think: bool | str | None = None,
) -> "FormatParser":
    """The parser of the answer to a rendered prompt.

    With a Go template, thoughts are told apart only where they were asked for (spec 5.4).
    """
    form = find_format(template)
    if not (template.is_native or think):
        form = replace(form, thinking=None)
    return FormatParser(form, tools, is_thinking=ends_in_thoughts(form, prompt))


class FormatParser:
    """An OutputParser for any format."""

    def __init__(
        self,
        form: OutputFormat,
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        is_thinking: bool = False,
    ) -> None:
        """`tools`: what the request offers, in OpenAI's shape; without any, calls are content.

        `is_thinking`: the prompt already ends inside the model's thoughts.
        """
        self._form = form if tools else replace(form, calls=(), go_tag="")
        self._tools = tools
        self._starts_thinking = is_thinking
        self._source = Source()
        self._calls = Calls(tools)
        self._formats = () if form.go_tag else self._form.calls
        self._steps = self._parse()
        self._is_thinking = is_thinking

    @property
    def is_thinking(self) -> bool:
        """The output so far ends inside the thoughts."""
        return self._is_thinking

    @property
    def visible_tokens(self) -> tuple[str, ...]:
        """Control tokens that must come as text, if the vocabulary has them."""
        return self._form.visible_tokens

    def feed(self, text: str) -> list[Event]:
        """See OutputParser."""
        self._source.add(text)
        return self._advance()

    def finish(self) -> list[Event]:
        """See OutputParser."""
        self._source.end()
        return self._advance()

    @property
    def _starts_unasked(self) -> bool:
        return self._form.thinking is not None and not self._form.thinking[0]

    def _advance(self) -> list[Event]:
        events: list[Event] = []
        for event in self._steps:
            if event is None:
                break
            if isinstance(event, Content | Thinking):
                self._is_thinking = isinstance(event, Thinking)
            events.append(event)
        return merge(events)

    def _parse(self) -> Steps[None]:
        if self._form.channels:
            yield from parse_channels(self._source, self._form.channels, self._calls, self._tools)
            return
        yield from self._thoughts(is_open=self._starts_thinking or self._starts_unasked)
        if self._form.go_tag:
            yield from parse_go_calls(self._source, self._form.go_tag, self._calls)
            return
        yield from self._unmarked_calls()
        yield from self._content()

    def _content(self) -> Steps[None]:
        wrappers = self._form.wrappers
        triggers = [trigger for form in self._formats for trigger in form.triggers]
        tags = tuple(dict.fromkeys((*wrappers, *triggers)))
        while tag := (yield from self._source.stream_until(tags, Content)):
            if tag in wrappers:
                self._source.advance(len(tag))
                yield from self._space()
            elif not (yield from self._tool_calls(tag, Content)):
                continue
            yield from self._thoughts(is_open=False)

    def _thoughts(self, *, is_open: bool) -> Steps[None]:
        """A block of thoughts, if one begins here. Tags and the space around them are dropped."""
        if self._form.thinking is None:
            return
        opening, closing = self._form.thinking
        yield from self._source.skip_space()
        found = bool(opening) and (yield from self._source.accept(opening))
        if not (found or is_open):
            self._source.rewind()
            return
        self._is_thinking = True
        yield from self._space()
        triggers = [trigger for form in self._formats for trigger in form.triggers]
        tags = tuple(dict.fromkeys((closing, *triggers)))
        while tag := (yield from self._source.stream_until(tags, Thinking)):
            if tag == closing:
                self._source.advance(len(tag))
                self._is_thinking = False
                yield from self._space()
                break
            if (yield from self._tool_calls(tag, Thinking)):
                break
        self._is_thinking = False

    def _unmarked_calls(self) -> Steps[None]:
        """Calls that have no mark but their place: at the very start."""
        unmarked = [form for form in self._formats if not form.triggers]
        if not unmarked:
            return
        yield from self._source.skip_space()
        told_before = self._source.told
        for form in unmarked:
            if (yield from self._attempt(form)) or self._source.told > told_before:
                break
            self._source.rewind()
            yield from self._source.skip_space()
        self._source.rewind()

    def _tool_calls(self, tag: str, told: Callable[[str], Event]) -> Steps[bool]:
        """Reads the calls that the tag promises; if there are none, tells the tag as text."""
        source = self._source
        space = len(source.unread())
        told_before = source.told
        for form in self._formats:
            if tag in form.triggers:
                if (yield from self._attempt(form)) or source.told > told_before:
                    # What follows the last whole call has not been told, if it was no call.
                    source.rewind()
                    return True
                source.rewind()
                source.advance(space)
        source.advance(len(tag))
        yield told(source.read())
        return False

    def _attempt(self, form: CallFormat) -> Steps[bool]:
        try:
            yield from form.read(self._source, self._calls)
        except MismatchError:
            if self._calls.is_started:
                yield self._calls.drop()
            return False
        return True

    def _space(self) -> Steps[None]:
        """What was read and the whitespace behind it, as markup."""
        yield from self._source.skip_space()
        yield from self._source.markup()
