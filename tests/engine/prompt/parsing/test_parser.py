import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.prompt.parsing.events import (
    CallArguments,
    CallCompleted,
    CallDropped,
    CallStarted,
    Content,
    Event,
    Thinking,
    merge,
    raw_text,
)
from engine.prompt.parsing.format import OutputFormat
from engine.prompt.parsing.parser import FormatParser, parser_for
from engine.prompt.template import GoChatTemplate, JinjaChatTemplate
from tests.engine.prompt.parsing.families import FAMILIES, TOOLS, Family, Output

CASES = [(family, output) for family in FAMILIES for output in family.outputs]


def parse(form: OutputFormat, pieces: list[str], is_thinking: bool = False) -> list[Event]:
    parser = FormatParser(form, TOOLS, is_thinking=is_thinking)
    events = [event for piece in pieces for event in parser.feed(piece)]
    return merge([*events, *parser.finish()])


def text_of(events: list[Event], kind: type[Content] | type[Thinking]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


@pytest.mark.parametrize(("family", "output"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_output_means_what_its_family_means_by_it(family: Family, output: Output):
    events = parse(family.form, [output.text], output.is_thinking)
    assert text_of(events, Content) == output.content
    assert text_of(events, Thinking) == output.thinking
    assert tuple(e.call for e in events if isinstance(e, CallCompleted)) == output.calls
    assert raw_text(events) == output.text


@pytest.mark.parametrize(("family", "output"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_events_are_the_same_wherever_the_output_is_cut(family: Family, output: Output):
    form, text = family.form, output.text
    whole = parse(form, [text], output.is_thinking)
    assert parse(form, list(text), output.is_thinking) == whole
    for place in range(len(text) + 1):
        assert parse(form, [text[:place], text[place:]], output.is_thinking) == whole, place


@pytest.mark.parametrize(("family", "output"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_pieces_of_arguments_make_up_the_arguments(family: Family, output: Output):
    started: CallStarted | None = None
    pieces = ""
    for event in parse(family.form, list(output.text), output.is_thinking):
        match event:
            case CallStarted():
                assert started is None
                started, pieces = event, ""
            case CallArguments(index, text):
                assert started is not None
                assert index == started.index
                pieces += text
            case CallCompleted(index, call):
                assert started is not None
                assert (index, call.name, call.id) == (started.index, started.name, started.id)
                assert json.loads(pieces) == call.arguments
                started = None
            case CallDropped(index):
                assert started is not None
                started = None
    assert started is None


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("qwen3 coder", "<tool_call>\n<function=get_weather>\n<parameter=city>\n"),
        ("hermes", '<tool_call>{"name": "get_weather", "arguments": {"city": "'),
    ],
)
def test_long_text_arguments_are_told_as_they_come(name: str, start: str):
    family = next(family for family in FAMILIES if family.name == name)
    parser = FormatParser(family.form, TOOLS)
    parser.feed(start + "zero ")
    assert parser.feed("one ") == [CallArguments(0, "one ")]
    assert parser.feed("two") == [CallArguments(0, "two")]


def test_call_that_turns_out_to_be_none_is_dropped_and_told_as_content():
    family = next(family for family in FAMILIES if family.name == "hermes")
    text = '<tool_call>{"name": "now", "arguments": {"a": oops}}</tool_call>'
    assert parse(family.form, [text]) == [
        CallStarted(0, "now"),
        CallArguments(0, '{"a": '),
        CallDropped(0),
        Content(text),
    ]


def test_parser_knows_whether_it_is_in_the_thoughts():
    family = next(family for family in FAMILIES if family.name == "hermes")
    parser = FormatParser(family.form, TOOLS)
    parser.feed("<think>")
    assert parser.is_thinking
    parser.feed("Hm.</think>")
    assert not parser.is_thinking


def test_parser_for_a_prompt_starts_where_the_prompt_ends():
    source = next(family for family in FAMILIES if family.name == "hermes").source
    parser = parser_for(JinjaChatTemplate(source), "assistant\n<think>\n", TOOLS)
    assert parser.is_thinking
    events = merge([*parser.feed('Hm.</think><tool_call>{"name": "now"}'), *parser.finish()])
    assert text_of(events, Thinking) == "Hm."
    assert isinstance(events[-1], CallCompleted)


@pytest.mark.parametrize(("think", "thinking"), [(True, "Hm."), ("low", "Hm."), (False, "")])
def test_thoughts_of_go_templates_are_parsed_when_asked_for(think: bool | str, thinking: str):
    source = "{{ range .Messages }}<think>{{ .Thinking }}</think>{{ .Content }}{{ end }}"
    parser = parser_for(GoChatTemplate(source), "Hi", think=think)
    events = [*parser.feed("<think>Hm.</think>Yes."), *parser.finish()]
    assert text_of(events, Thinking) == thinking


def test_tags_of_calls_stay_hidden_when_no_tools_are_on_offer():
    form = next(family for family in FAMILIES if family.name == "hermes").form
    assert "<tool_call>" in FormatParser(form, TOOLS).visible_tokens
    assert FormatParser(form).visible_tokens == ("<think>", "</think>")


def _fragments(family: Family) -> list[str]:
    tags = [*family.form.visible_tokens, *family.form.triggers, *family.texts]
    outputs = [output.text for output in family.outputs]
    halves = [text[:middle] for text in outputs for middle in (len(text) // 3, len(text) // 2)]
    return [*tags, *outputs, *halves, "<", ">", "{", "}", "[", '"', "\n", " ", "now", "é\u2028"]


@st.composite
def _cut_texts(draw: st.DrawFn) -> tuple[Family, list[str], bool]:
    family = draw(st.sampled_from(FAMILIES))
    part = st.one_of(st.sampled_from(_fragments(family)), st.text(max_size=5))
    text = "".join(draw(st.lists(part, max_size=12)))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    return family, pieces, draw(st.booleans())


@given(_cut_texts())
def test_no_character_is_lost_whatever_comes(case: tuple[Family, list[str], bool]):
    family, pieces, is_thinking = case
    events = parse(family.form, pieces, is_thinking)
    assert raw_text(events) == "".join(pieces)
    assert events == parse(family.form, ["".join(pieces)], is_thinking)


@given(st.text(), st.sampled_from(FAMILIES))
def test_without_tools_on_offer_calls_are_content(text: str, family: Family):
    parser = FormatParser(family.form)
    events = [*parser.feed(text), *parser.finish()]
    assert raw_text(events) == text
