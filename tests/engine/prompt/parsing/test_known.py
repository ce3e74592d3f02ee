import pytest

from engine.prompt.messages import ToolCall
from engine.prompt.parsing.events import CallCompleted
from engine.prompt.parsing.parser import parser_for
from engine.prompt.template import JinjaChatTemplate
from tests.engine.prompt.parsing.families import TOOLS

NOW = '{"name": "now", "arguments": {}}'


@pytest.mark.parametrize(
    ("mark", "output"),
    [
        ("<function=example><parameter=a>", "<function=now></function>"),
        ("<|tool_list_start|>", "<|tool_call_start|>[now()]<|tool_call_end|>"),
        ("List of tools: [", "[now()]"),
        ("<TOOLCALL>", f"<TOOLCALL>[{NOW}]</TOOLCALL>"),
        ("<|tool_call|>", f"<|tool_call|>[{NOW}]"),
        ("<tool_call>", f"<tool_call>\n{NOW}\n</tool_call>"),
        ("<tools_call>", f"<tools_call>[{NOW}]</tools_call>"),
        ("[TOOL_CALLS]", f"[TOOL_CALLS][{NOW}]"),
        (" functools[", f" functools[{NOW}]"),
        ("Action: ```json", f"Action: ```json\n[{NOW}]\n```"),
        (
            "<\uff5ctool\u2581calls\u2581begin\uff5c>",
            "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function"
            "<\uff5ctool\u2581sep\uff5c>now\n```json\n{}\n```<\uff5ctool\u2581call\u2581end\uff5c>",
        ),
        ("", NOW),
    ],
)
def test_templates_that_only_describe_calls_are_known_by_a_mark(mark: str, output: str):
    template = JinjaChatTemplate("{{ 'Use this: " + mark + "' if tools }}{{ messages[0].content }}")
    parser = parser_for(template, "", TOOLS)
    events = [*parser.feed(output), *parser.finish()]
    assert [e.call for e in events if isinstance(e, CallCompleted)] == [ToolCall("now", {})]


@pytest.mark.parametrize(
    ("mark", "opening", "closing"),
    [
        ("[BEGIN FINAL RESPONSE]", "", "[BEGIN FINAL RESPONSE]"),
        ("</think>", "<think>", "</think>"),
        ("[/THINK]", "[THINK]", "[/THINK]"),
        ("<|inner_prefix|>", "<|inner_prefix|>", "<|inner_suffix|>"),
    ],
)
def test_templates_that_leave_thoughts_out_are_known_by_a_mark(
    mark: str, opening: str, closing: str
):
    template = JinjaChatTemplate("{{ '" + mark + "' }}{{ messages[0].content }}")
    parser = parser_for(template, "")
    assert parser.feed(f"{opening}Hm.{closing}Yes.") != []
    assert not parser.is_thinking
    assert [type(event).__name__ for event in parser.finish()] == []
