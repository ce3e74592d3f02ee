import random

import pytest
from llguidance import LLMatcher, LLTokenizer

from engine.prompt.messages import ToolCall
from engine.prompt.parsing.events import CallCompleted, Content
from engine.prompt.parsing.format import OutputFormat
from engine.prompt.parsing.grammar import ToolGrammar, tool_grammar
from engine.prompt.parsing.literal_calls import GemmaBody
from engine.prompt.parsing.parser import FormatParser
from engine.prompt.parsing.tagged_calls import TaggedBody
from tests.engine.prompt.parsing.families import FAMILIES, TOOLS, Family

BYTES = LLTokenizer("byte")
MARKED = [family for family in FAMILIES if family.form.has_calls]
SHORT = (
    {
        "type": "function",
        "function": {
            "name": "set-light",
            "parameters": {
                "type": "object",
                "properties": {
                    "room": {"type": "string", "maxLength": 8},
                    "is_on": {"type": "boolean"},
                    "mode": {"type": "string", "enum": ["warm", "cold"]},
                },
                "required": ["room", "mode"],
                "additionalProperties": False,
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "now",
            "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
        },
    },
)


def family(name: str) -> Family:
    return next(family for family in FAMILIES if family.name == name)


def matcher(grammar: ToolGrammar) -> LLMatcher:
    text = LLMatcher.grammar_from_lark(grammar.lark)
    assert LLMatcher.validate_grammar(text, BYTES) == ""
    return LLMatcher(BYTES, text)


def accepts(grammar: ToolGrammar, text: str) -> bool:
    match = matcher(grammar)
    tokens = BYTES.tokenize_str(text)
    return match.try_consume_tokens(tokens) == len(tokens) and match.is_accepting()


def closers(form: OutputFormat) -> list[bytes]:
    """What may end a free text."""
    bodies = [calls.body for calls in form.calls]
    found = []
    if form.channels:
        found += form.channels.ends[:1]
        bodies += [form.channels.calls.body] if form.channels.calls else []
    for body in bodies:
        found += [body.value_end.replace("\0", "room")] if isinstance(body, TaggedBody) else []
        found += [body.quote] if isinstance(body, GemmaBody) else []
    return [text.encode() for text in found]


def write(grammar: ToolGrammar, form: OutputFormat, seed: int) -> str:
    """A text that the grammar allows, by chance; free texts end soon."""
    chance = random.Random(seed)
    match, written = matcher(grammar), bytearray()
    while not match.is_stopped():
        assert len(written) < 5000, written
        bits = match.compute_bitmask()
        allowed = [t for t in range(BYTES.vocab_size) if bits[t // 8] >> (t % 8) & 1]
        if BYTES.eos_token in allowed and (len(allowed) == 1 or chance.random() < 0.3):
            break
        if len(allowed) > 100 and chance.random() < 0.1:
            ends = [end for end in closers(form) if match.validate_tokens(list(end)) == len(end)]
            if ends:
                end = chance.choice(ends)
                assert match.consume_tokens(list(end))
                written += end
                continue
        plain = [t for t in allowed if 32 <= t < 127] or allowed
        structure = [t for t in plain if chr(t) in '<"}])']
        pool = structure if structure and chance.random() < 0.5 else plain
        token = chance.choice([t for t in pool if t != BYTES.eos_token])
        assert match.consume_token(token)
        written.append(token)
    return written.decode("utf-8", "replace")


def calls_of(form: OutputFormat, text: str, tools=SHORT) -> tuple[list[ToolCall], str]:
    parser = FormatParser(form, tools)
    events = [*parser.feed(text), *parser.finish()]
    calls = [event.call for event in events if isinstance(event, CallCompleted)]
    return calls, "".join(event.text for event in events if isinstance(event, Content))


@pytest.mark.parametrize("case", MARKED, ids=lambda case: case.name)
def test_what_a_grammar_allows_is_read_as_calls_of_the_tools(case: Family):
    form = case.form
    grammar = tool_grammar(form, SHORT)
    assert grammar is not None
    for seed in range(4):
        text = write(grammar, form, seed)
        calls, content = calls_of(form, text)
        assert calls, text
        assert content == "", text
        for call in calls:
            if call.name == "now":
                assert call.arguments == {}
            else:
                assert call.name == "set-light"
                assert isinstance(call.arguments["room"], str | None)
                assert call.arguments["mode"] in ("warm", "cold")
                assert isinstance(call.arguments.get("is_on", True), bool)


def test_a_named_tool_is_the_only_one_allowed():
    form = family("hermes").form
    grammar = tool_grammar(form, TOOLS[1:])
    assert grammar is not None
    assert accepts(grammar, '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>')
    assert not accepts(grammar, '<tool_call>\n{"name": "get_weather", "arguments": {}}')
    assert not accepts(grammar, "Hello.")


@pytest.mark.parametrize(
    ("name", "call", "joint"),
    [
        ("hermes", '<tool_call>{"name": "now", "arguments": {}}</tool_call>', "\n"),
        ("qwen3 coder", "<tool_call><function=now></function></tool_call>", "\n"),
    ],
)
def test_one_call_only_when_calls_may_not_be_parallel(name: str, call: str, joint: str):
    many = tool_grammar(family(name).form, SHORT)
    one = tool_grammar(family(name).form, SHORT, is_parallel=False)
    assert many is not None
    assert one is not None
    assert accepts(many, call + joint + call)
    assert accepts(one, call)
    assert not accepts(one, call + joint + call)


def test_a_free_choice_is_constrained_behind_the_trigger():
    grammar = tool_grammar(family("kimi k2").form, SHORT, "auto")
    assert grammar is not None
    assert grammar.after == "<|tool_calls_section_begin|>"
    assert accepts(
        grammar,
        "<|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
        "<|tool_calls_section_end|>",
    )


def test_a_free_choice_without_a_trigger_has_no_grammar():
    assert tool_grammar(family("llama 3").form, SHORT, "auto") is None


def test_a_format_without_calls_has_no_grammar():
    assert tool_grammar(OutputFormat(), SHORT) is None


def test_control_tokens_are_named_by_number():
    form = family("mistral with names").form
    grammar = tool_grammar(form, SHORT, specials={"[TOOL_CALLS]": 9, "[ARGS]": 32})
    assert grammar is not None
    assert "<[9]>" in grammar.lark
    assert "<[32]>" in grammar.lark
    assert "[TOOL_CALLS]" not in grammar.lark


def test_optional_arguments_of_code_calls_may_be_left_out():
    grammar = tool_grammar(family("lfm2").form, SHORT)
    assert grammar is not None
    lead, end = "<|tool_call_start|>[", "]<|tool_call_end|>"
    assert accepts(grammar, lead + 'set-light(room="a", is_on=true, mode="warm"), now()' + end)
    assert accepts(grammar, lead + 'set-light(room="a", mode="warm")' + end)
    assert not accepts(grammar, lead + 'set-light(mode="warm")' + end)


@pytest.mark.parametrize("case", MARKED, ids=lambda case: case.name)
def test_odd_names_and_empty_schemas_make_valid_grammars(case: Family):
    odd = 'a"b\\c\n\t<x> %json {é}\x01'
    properties = {odd: {"type": "string"}, "": {}, "any": True, "e": {"enum": [odd, ""]}}
    tools = [
        {"function": {"name": odd, "parameters": {"type": "object", "properties": properties}}},
        {"function": {"name": "bare"}},
        {"name": "flat", "parameters": {"properties": {"a": {"type": "integer"}}}},
    ]
    grammar = tool_grammar(case.form, tools)
    assert grammar is not None
    matcher(grammar)


def test_arguments_are_an_object_also_when_the_schema_does_not_say_so():
    grammar = tool_grammar(family("hermes").form, [{"function": {"name": "f", "parameters": {}}}])
    assert grammar is not None
    assert accepts(grammar, '<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>')
    assert not accepts(grammar, '<tool_call>\n{"name": "f", "arguments": 1}\n</tool_call>')
