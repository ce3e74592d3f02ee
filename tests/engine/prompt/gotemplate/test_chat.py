"""Conversations through Go templates."""

import pytest

from engine.prompt.errors import TemplateError
from engine.prompt.gotemplate.chat import render_chat, render_fill_in
from engine.prompt.gotemplate.template import parse
from engine.prompt.messages import Conversation, Message, ToolCall

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells <it>",
        "parameters": {
            "type": "object",
            "required": ["city"],
            "properties": {
                "unit": {"type": ["string", "null"], "enum": ["C", "F"]},
                "city": {"type": "string", "description": "Where"},
            },
        },
    },
}
TOOL_JSON = (
    '{"type":"function","function":{"name":"get_weather","description":"Tells \\u003cit\\u003e",'
    '"parameters":{"type":"object","required":["city"],"properties":{"city":{"type":"string",'
    '"description":"Where"},"unit":{"type":["string","null"],"enum":["C","F"]}}}}}'
)
SYSTEM = Message("system", "S")
ASK = Message("user", "q1")
ANSWER = Message("assistant", "a1")
AGAIN = Message("user", "q2")

CHATML = """\
{{- if .System }}<|im_start|>system
{{ .System }}<|im_end|>
{{ end }}{{ if .Prompt }}<|im_start|>user
{{ .Prompt }}<|im_end|>
{{ end }}<|im_start|>assistant
{{ .Response }}<|im_end|>
"""

MESSAGES = """\
{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "tool" }}<result {{ .ToolName }} {{ .ToolCallID }}>{{ .Content }}
{{- else }}<{{ .Role }}>{{ .Content }}
{{- range .ToolCalls }}[
{{- with .Function }}{{ .Index }} {{ .Name }} {{ .Arguments }}{{ end }} {{ .ID }}]
{{- end }}{{ end }}
{{- if and $last (ne .Role "assistant") }}<assistant>{{ end }}
{{- end }}"""


def render(source: str, *messages: Message, **more: object) -> str:
    return render_chat(parse(source), Conversation(messages, **more))  # type: ignore[arg-type]


def test_turn_by_turn_templates_write_each_turn_and_stop_where_the_answer_begins() -> None:
    assert render(CHATML, SYSTEM, ASK, ANSWER, AGAIN) == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nq1<|im_end|>\n"
        "<|im_start|>assistant\na1<|im_end|>\n"
        "<|im_start|>user\nq2<|im_end|>\n<|im_start|>assistant\n"
    )


def test_turn_by_turn_a_begun_answer_is_left_open() -> None:
    rendered = render(CHATML, ASK, Message("assistant", "It is"))
    assert rendered.endswith("<|im_start|>assistant\nIt is")


def test_turn_by_turn_a_later_system_message_begins_a_turn() -> None:
    rendered = render("[{{ .System }}|{{ .Prompt }}|{{ .Response }}]", ASK, ANSWER, SYSTEM, AGAIN)
    assert rendered == "[|q1|a1][S|q2|"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ .Prompt }}", "q1"),
        ("{{ if .Response }}x{{ .Response }}{{ end }}rest", ""),
        (
            "{{ if .System }}s{{ else }}-{{ .Prompt }}:{{ .Response }}</s>{{ end }}tail",
            "-q1:",
        ),
        ("{{ .Prompt }}{{ .Missing }}.", "q1."),
    ],
)
def test_all_behind_the_first_mention_of_the_response_is_cut(source: str, expected: str) -> None:
    assert render(source, ASK) == expected


def test_messages_calls_and_results() -> None:
    call = ToolCall("get_weather", {"b": 1, "a": "<"}, "id1")
    rendered = render(
        MESSAGES,
        ASK,
        Message("assistant", tool_calls=(call, ToolCall("f", {}, "id2"))),
        Message("tool", "r1", tool_name="get_weather", tool_call_id="id1"),
        Message("tool", "r2", tool_name="f", tool_call_id="id2"),
    )
    assert rendered == (
        '<user>q1<assistant>[0 get_weather {"a":"\\u003c","b":1} id1][1 f {} id2]'
        "<result get_weather id1>r1<result f id2>r2<assistant>"
    )


def test_neighbours_of_one_role_become_one_message_and_system_texts_are_gathered() -> None:
    source = "({{ .System }}){{ range .Messages }}<{{ .Role }}>{{ .Content }}{{ end }}"
    rendered = render(source, SYSTEM, Message("system", "T"), ASK, AGAIN, Message("system", "U"))
    assert rendered == "(S\n\nT\n\nU)<system>S\n\nT<user>q1\n\nq2<system>U"


def test_tools_print_as_json_in_gos_order() -> None:
    assert (
        render("{{ .Tools }}{{ range .Messages }}{{ end }}", ASK, tools=(TOOL,)) == f"[{TOOL_JSON}]"
    )
    assert render("{{ range .Tools }}{{ . }}{{ end }}{{ .Messages }}", tools=(TOOL,)).startswith(
        TOOL_JSON
    )
    source = "{{ range .Tools }}{{ json .Function.Parameters.Required }}{{ end }}{{ .Messages }}"
    assert render(source, tools=(TOOL,)) == '["city"][]'


def test_properties_can_be_walked() -> None:
    source = (
        "{{ range .Tools }}{{ range $name, $p := .Function.Parameters.Properties }}"
        "{{ $name }}:{{ $p.Type }}:{{ toTypeScriptType $p }}:{{ $p.Description }};"
        "{{ end }}{{ end }}{{ range .Messages }}{{ end }}"
    )
    assert render(source, tools=(TOOL,)) == (
        'city:string:string:Where;unit:["string","null"]:string | null:;'
    )


def test_a_tool_may_lack_anything() -> None:
    source = "{{ range .Tools }}{{ . }}{{ end }}{{ range .Messages }}{{ end }}"
    assert render(source, tools=({},)) == (
        '{"type":"","function":{"name":"","parameters":{"type":"","properties":{}}}}'
    )


def test_no_tools_is_false() -> None:
    assert render("{{ if .Tools }}a{{ else }}b{{ end }}{{ range .Messages }}{{ end }}", ASK) == "b"


@pytest.mark.parametrize(
    ("think", "expected"),
    [
        (None, "false||false"),
        (True, "true|medium|true"),
        (False, "false||true"),
        ("high", "true|high|true"),
    ],
)
def test_thinking_switches(think: bool | str | None, expected: str) -> None:
    source = "{{ .Think }}|{{ .ThinkLevel }}|{{ .IsThinkSet }}{{ range .Messages }}{{ end }}"
    assert render(source, ASK, think=think) == expected


def test_an_unknown_field_of_a_message_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"can't evaluate field Foo in type api\.Message"):
        render("{{ range .Messages }}{{ .Foo }}{{ end }}", ASK)


def test_fill_in() -> None:
    template = parse("<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ .Response }}")
    assert render_fill_in(template, "a", "b", None) == "<PRE>a<SUF>b<MID>"
