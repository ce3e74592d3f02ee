"""Finds a model's output format by rendering its template with sentinels (design 5). Pure."""

import re
from dataclasses import replace
from functools import lru_cache

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.template import parse
from engine.prompt.messages import Conversation, Message, ToolCall
from engine.prompt.parsing.format import CallFormat, OutputFormat, Tags
from engine.prompt.parsing.go_calls import find_go_tag
from engine.prompt.parsing.known import (
    CALLS,
    LLAMA_PYTHON_TAG,
    UNKNOWN_CALLS,
    WHOLE,
    find_known,
    find_known_thinking,
    find_known_wrappers,
)
from engine.prompt.parsing.shape import (
    CLOSES_TAG,
    FIRST,
    OPEN_TAG,
    SECOND,
    Sample,
    common_start,
    find_calls,
)
from engine.prompt.template import ChatTemplate, GoChatTemplate, JinjaChatTemplate

_QUESTION = Message("user", "Zq-question")
_CONTENT = "Zq-content"
_THOUGHT = "Zq-thought"
_TOOL = {
    "type": "function",
    "function": {
        "name": "offered_tool",
        "description": "Offered.",
        "parameters": {
            "type": "object",
            "properties": {"offered": {"type": "string", "description": "Offered."}},
            "required": ["offered"],
        },
    },
}
_TAG_BEFORE = re.compile(r"([<\[][^<>\[\]\s]*[>\]][a-z]*)\s*$")
_TAG_AFTER = re.compile(r"\s*([<\[][^<>\[\]\s]*[>\]])")


def find_format(template: ChatTemplate) -> OutputFormat:
    """The output format that goes with a template. The last few are remembered by source."""
    return _find_format(template.source, template.is_native)


def ends_in_thoughts(form: OutputFormat, prompt: str) -> bool:
    """The rendered prompt already opens the thoughts that the model is to go on with."""
    return (
        form.thinking is not None
        and bool(form.thinking[0])
        and prompt.rstrip().endswith(form.thinking[0])
    )


@lru_cache(maxsize=32)
def _find_format(source: str, is_native: bool) -> OutputFormat:
    template = JinjaChatTemplate(source) if is_native else GoChatTemplate(source)
    whole = find_known(WHOLE, source)
    if whole is not None:
        return whole
    probe = _Probe(template)
    thinking = probe.find_thinking() or template.thinking_tags or find_known_thinking(source)
    wrappers = find_known_wrappers(source) or probe.find_wrappers(thinking)
    form = OutputFormat(thinking=thinking, wrappers=wrappers)
    if "tools" not in template.capabilities:
        return form
    calls = probe.find_calls(thinking)
    if not is_native and (calls is None or calls.body.is_json):
        # Read as Ollama reads them; the format is what a grammar is made from.
        form = replace(form, go_tag=find_go_tag(parse(source)))
    return _with_calls(form, calls, probe, source)


def _with_calls(
    form: OutputFormat, calls: CallFormat | None, probe: "_Probe", source: str
) -> OutputFormat:
    if calls is None and form.go_tag:
        return form
    if calls is None:
        known = find_known(CALLS, source)
        return replace(form, calls=known.calls if known else UNKNOWN_CALLS)
    extra = LLAMA_PYTHON_TAG if not calls.triggers and "<|python_tag|>" in source else ()
    return replace(
        form,
        calls=(calls, *extra),
        has_call_ids=probe.shows(FIRST.id),
        is_parallel=probe.shows(SECOND.name),
    )


class _Probe:
    """Renderings of one template."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._calls = ""

    def shows(self, sentinel: str) -> bool:
        """The rendering with calls holds the sentinel."""
        return sentinel in self._calls

    def find_thinking(self) -> tuple[str, str] | None:
        """The tags around thoughts that the template shows to the model."""
        for answer in (
            Message("assistant", _CONTENT, thinking=_THOUGHT),
            Message("assistant", thinking=_THOUGHT, tool_calls=(_call(FIRST),)),
        ):
            before, found, after = self._render(answer, think=True).partition(_THOUGHT)
            opening, closing = _TAG_BEFORE.search(before), _TAG_AFTER.match(after)
            if found and opening and closing:
                tags = opening.group(1), closing.group(1)
                if tags[0] != tags[1] and tags[0] not in self._roles():
                    return tags
        return None

    def find_wrappers(self, thinking: tuple[str, str] | None) -> Tags:
        """The tags around content, where it has any."""
        rendered = self._render(Message("assistant", _CONTENT), think=True)
        before, found, after = rendered.partition(_CONTENT)
        opening, closing = _TAG_BEFORE.search(before), _TAG_AFTER.match(after)
        if not (found and opening and closing):
            return ()
        tags = opening.group(1), closing.group(1)
        is_pair = "/" not in tags[0] and _word(tags[0], "START") == _word(tags[1], "END")
        is_pair = is_pair and tags[0] != tags[1]
        return tags if is_pair and tags[0] not in (thinking or ()) else ()

    def find_calls(self, thinking: tuple[str, str] | None) -> CallFormat | None:
        """How the template shows calls to the model."""
        for after in ((), _results()):
            for calls in ((_call(FIRST), _call(SECOND)), (_call(FIRST),)):
                answer = Message("assistant", tool_calls=calls)
                self._calls = self._render(answer, *after)
                if FIRST.name not in self._calls:
                    continue
                plain = self._render(Message("assistant", _CONTENT), *after)
                text = _without_frame(self._calls, plain, thinking)
                found = find_calls(text)
                if found is not None:
                    return found
        return None

    def _roles(self) -> Tags:
        """What stands right before an answer, whether it has thoughts or not."""
        base = _TAG_BEFORE.search(self._render(think=False))
        return (base.group(1),) if base else ()

    def _render(self, *more: Message, think: bool | None = None) -> str:
        """The question and what follows; empty if the template refuses."""
        for tools in ((_TOOL,), ()):
            try:
                return self._template.render(Conversation((_QUESTION, *more), tools, think))
            except TemplateError:
                continue
        return ""


def _call(sample: Sample) -> ToolCall:
    arguments = {sample.text_key: sample.text_value, sample.number_key: sample.number_value}
    return ToolCall(sample.name, dict(arguments), sample.id)


def _results() -> tuple[Message, ...]:
    results = tuple(
        Message("tool", "Zq-result", tool_name=sample.name, tool_call_id=sample.id)
        for sample in (FIRST, SECOND)
    )
    return (*results, Message("assistant", "Zq-answer"))


def _without_frame(text: str, plain: str, thinking: tuple[str, str] | None) -> str:
    """What stands in the rendering with calls and not in one with content."""
    start = len(common_start(text, plain))
    open_tag = OPEN_TAG.search(text[:start])
    start = open_tag.start() if open_tag else start
    end = len(common_start(text[start:][::-1], plain[::-1]))
    middle = text[start : len(text) - end]
    if OPEN_TAG.search(middle):
        rest = text[len(text) - end :]
        closed = CLOSES_TAG.search(rest)
        middle += rest[: closed.end()] if closed else ""
    if thinking and thinking[1] in middle.partition(FIRST.name)[0]:
        middle = middle.partition(thinking[1])[2]
    return middle


def _word(tag: str, border: str) -> str:
    """The tag without what makes it an opening or a closing one."""
    return tag.replace(border, "").replace("</", "<").replace("[/", "[")
