# ruff: noqa: RUF001  # the tags of some models
"""Small chat templates in the style of each model family, with outputs and what they mean."""

from dataclasses import dataclass, field
from typing import Any

from engine.prompt.messages import ToolCall
from engine.prompt.parsing.format import OutputFormat
from engine.prompt.parsing.probe import find_format
from engine.prompt.template import GoChatTemplate, JinjaChatTemplate

TOOLS: tuple[dict[str, Any], ...] = (
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "places": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["city"],
            },
        },
    },
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}},
)
WEATHER = ToolCall("get_weather", {"city": 'Bern "old", <b>', "days": 3})
NOW = ToolCall("now", {})


def with_id(call: ToolCall, call_id: str) -> ToolCall:
    """The same call under an id."""
    return ToolCall(call.name, call.arguments, call_id)


_FRAME = (
    "{%- if tools -%}<|im_start|>system\n{%- for tool in tools -%}{{ tool | tojson }}"
    "{%- endfor -%}<|im_end|>\n{%- endif -%}"
    "{%- for m in messages -%}<|im_start|>{{ m.role }}\n"
    "{%- if m.reasoning_content %}@THINK@{% endif -%}@OPEN@{{ m.content }}@CLOSE@"
    "{%- if m.tool_calls -%}@BEFORE@{%- for c in m.tool_calls -%}@CALL@"
    "{%- if not loop.last -%}@BETWEEN@{%- endif -%}{%- endfor -%}@AFTER@{%- endif -%}"
    "<|im_end|>\n{%- endfor -%}{%- if add_generation_prompt -%}<|im_start|>assistant\n{%- endif -%}"
)


def jinja(call: str, before: str = "", after: str = "", between: str = "", **parts: str) -> str:
    """A template that writes calls so. `thinking`, `opening`, `closing`: the other parts."""
    return (
        _FRAME.replace("@THINK@", parts.get("thinking", ""))
        .replace("@OPEN@", parts.get("opening", ""))
        .replace("@CLOSE@", parts.get("closing", ""))
        .replace("@BEFORE@", before)
        .replace("@CALL@", call)
        .replace("@BETWEEN@", between)
        .replace("@AFTER@", after)
    )


_NAME = "{{ c.function.name }}"
_ARGUMENTS = "{{ c.function.arguments | tojson }}"
_THINK = "<think>\n{{ m.reasoning_content }}\n</think>\n\n"


def _each(text: str) -> str:
    return "{%- for k, v in c.function.arguments | items -%}" + text + "{%- endfor -%}"


@dataclass(frozen=True)
class Output:
    """What a model may write, and what it means."""

    text: str
    content: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    is_thinking: bool = False
    """The prompt ends inside the thoughts."""


@dataclass(frozen=True)
class Family:
    """A template and outputs of its models."""

    name: str
    source: str
    outputs: tuple[Output, ...]
    is_go: bool = False
    texts: tuple[str, ...] = field(default=())
    """More texts that random outputs are made of."""

    @property
    def form(self) -> OutputFormat:
        """What probing the template finds."""
        return find_format(
            GoChatTemplate(self.source) if self.is_go else JinjaChatTemplate(self.source)
        )


_JSON_WEATHER = r'{"city": "Bern \"old\", <b>", "days": 3}'
_CITY = 'Bern "old", <b>'

_HERMES = Family(
    "hermes",
    jinja(
        '<tool_call>\n{"name": "' + _NAME + '", "arguments": ' + _ARGUMENTS + "}\n</tool_call>",
        between="\n",
        thinking=_THINK,
    ),
    (
        Output("Hello, world.", content="Hello, world."),
        Output("  a < b\n\n and <tool ", content="  a < b\n\n and <tool "),
        Output(
            "<think>\nHm.\n\nSo </thin\n</think>\n\nYes.\n",
            content="Yes.\n",
            thinking="Hm.\n\nSo </thin",
        ),
        Output("Hm.</think>Yes.", content="Yes.", thinking="Hm.", is_thinking=True),
        Output("\n<think>Hm.", thinking="Hm.", is_thinking=True),
        Output(
            "<think>Hm.</think>Let me see.\n<tool_call>\n"
            + '{"name": "get_weather", "arguments": '
            + _JSON_WEATHER
            + "}\n</tool_call>",
            content="Let me see.",
            thinking="Hm.",
            calls=(WEATHER,),
        ),
        Output(
            '<tool_call>{"arguments":' + _JSON_WEATHER + ',"name":"get_weather"}</tool_call>\n'
            '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>\nDone.',
            content="Done.",
            calls=(WEATHER, NOW),
        ),
        Output(
            '<tool_call>[{"name": "now"}, {"name": "now", "parameters": null}]</tool_call>',
            calls=(NOW, NOW),
        ),
        Output(
            '<tool_call>{"function": {"name": "now", "arguments": "{}"}, "id": "a1"}</tool_call>',
            calls=(with_id(NOW, "a1"),),
        ),
        Output('Hm.\n<tool_call>{"name": "now"}', thinking="Hm.", calls=(NOW,), is_thinking=True),
        Output(
            "It writes <tool_call> tags.\n<tool_call>{name}</tool_call>",
            content="It writes <tool_call> tags.\n<tool_call>{name}</tool_call>",
        ),
        Output(
            '<tool_call>{"name": "now", "arguments": {"a": [1, 2',
            content='<tool_call>{"name": "now", "arguments": {"a": [1, 2',
        ),
        Output(
            '<tool_call>{"name": "now"} and so <tool_call>{"name": "now"}</tool_call>',
            content="and so",
            calls=(NOW, NOW),
        ),
    ),
    texts=('{"name": "now", "arguments": {', '"a": "x', "}}", "[", "]", "\\u12"),
)

_NEMOTRON = Family(
    "nemotron",
    jinja(
        '{"name": "' + _NAME + '", "arguments": ' + _ARGUMENTS + "}",
        "<TOOLCALL>[",
        "]</TOOLCALL>",
        ", ",
    ),
    (
        Output(
            '<TOOLCALL>[{"name": "now", "arguments": {}}, {"name": "get_weather", "arguments": '
            + _JSON_WEATHER
            + "}]</TOOLCALL>",
            calls=(NOW, WEATHER),
        ),
        Output(
            '<TOOLCALL>[{"name": "now"}, {"name": 3}]</TOOLCALL>',
            content=', {"name": 3}]</TOOLCALL>',
            calls=(NOW,),
        ),
    ),
)

_APERTUS = Family(
    "apertus",
    jinja('{"' + _NAME + '": ' + _ARGUMENTS + "}", "<|tools_prefix|>[", "]<|tools_suffix|>", ", "),
    (
        Output(
            '<|tools_prefix|>[{"get_weather": ' + _JSON_WEATHER + '}, {"now": {}}]<|tools_suffix|>',
            calls=(WEATHER, NOW),
        ),
    ),
)

_MISTRAL_LIST = Family(
    "mistral with a list",
    jinja(
        '{"name": "' + _NAME + '", "arguments": ' + _ARGUMENTS + ', "id": "{{ c.id }}"}',
        "[TOOL_CALLS][",
        "]",
        ", ",
    ),
    (
        Output(
            'So:[TOOL_CALLS] [{"name": "get_weather", "arguments": '
            + _JSON_WEATHER
            + ', "id": "abcdefghi"}]',
            content="So:",
            calls=(with_id(WEATHER, "abcdefghi"),),
        ),
        Output("[TOOL_CALLS][]", content="[TOOL_CALLS][]"),
    ),
)

_MISTRAL_NAMED = Family(
    "mistral with names",
    jinja("[TOOL_CALLS]" + _NAME + "[CALL_ID]{{ c.id }}[ARGS]" + _ARGUMENTS),
    (
        Output(
            "[TOOL_CALLS]get_weather[CALL_ID]abc[ARGS]" + _JSON_WEATHER + "[TOOL_CALLS]now[ARGS]{}",
            calls=(with_id(WEATHER, "abc"), NOW),
        ),
        Output("[TOOL_CALLS] is a token", content="[TOOL_CALLS] is a token"),
    ),
)

_DEEPSEEK = Family(
    "deepseek",
    jinja(
        "<｜tool▁call▁begin｜>" + _NAME + "<｜tool▁sep｜>" + _ARGUMENTS + "<｜tool▁call▁end｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
    ),
    (
        Output(
            "Yes.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
            + _JSON_WEATHER
            + "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
            "<｜tool▁calls▁end｜>",
            content="Yes.",
            calls=(WEATHER, NOW),
        ),
    ),
)

_DEEPSEEK_R1 = Family(
    "deepseek r1",
    jinja(
        "<｜tool▁call▁begin｜>function<｜tool▁sep｜>"
        + _NAME
        + "\n```json\n"
        + _ARGUMENTS
        + "\n```<｜tool▁call▁end｜>",
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁calls▁end｜>",
        "\n",
    ),
    (
        Output(
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n"
            + _JSON_WEATHER
            + "\n```<｜tool▁call▁end｜>",
            calls=(WEATHER,),
        ),
    ),
)

_KIMI = Family(
    "kimi k2",
    jinja(
        "<|tool_call_begin|>functions."
        + _NAME
        + ":{{ loop.index0 }}<|tool_call_argument_begin|>"
        + _ARGUMENTS
        + "<|tool_call_end|>",
        "<|tool_calls_section_begin|>",
        "<|tool_calls_section_end|>",
    ),
    (
        Output(
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0"
            "<|tool_call_argument_begin|>" + _JSON_WEATHER + "<|tool_call_end|><|tool_call_begin|>"
            "functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
            "<|tool_calls_section_end|>",
            calls=(with_id(WEATHER, "functions.get_weather:0"), with_id(NOW, "functions.now:1")),
        ),
    ),
)

_SOLAR = Family(
    "solar",
    jinja(
        "<|tool_call:begin|>{{ c.id }}<|tool_call:name|>"
        + _NAME
        + "<|tool_call:args|>"
        + _ARGUMENTS
        + "<|tool_call:end|>",
        "<|tool_calls|>",
        "<|calls|>",
    ),
    (
        Output(
            "<|tool_calls|><|tool_call:begin|>c1<|tool_call:name|>now<|tool_call:args|>{}"
            "<|tool_call:end|><|calls|>",
            calls=(with_id(NOW, "c1"),),
        ),
    ),
)

_QWEN_CODER = Family(
    "qwen3 coder",
    jinja(
        "<tool_call>\n<function="
        + _NAME
        + ">\n"
        + _each("<parameter={{ k }}>\n{{ v }}\n</parameter>\n")
        + "</function>\n</tool_call>",
        between="\n",
    ),
    (
        Output(
            "I look.\n\n<tool_call>\n<function=get_weather>\n<parameter=city>\n"
            + _CITY
            + "\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n"
            "<tool_call>\n<function=now>\n</function>\n</tool_call>",
            content="I look.",
            calls=(WEATHER, NOW),
        ),
        Output(
            "<function=get_weather><parameter=city>a\n\nb</parameter>"
            '<parameter=places>["x"]</parameter></function>',
            calls=(ToolCall("get_weather", {"city": "a\n\nb", "places": ["x"]}),),
        ),
        Output(
            "<tool_call>\n<function=get_weather>\n<parameter=city>\nBern",
            content="<tool_call>\n<function=get_weather>\n<parameter=city>\nBern",
        ),
        Output(
            "<tool_call>\n<function=get_weather>\n<parameter=days>\n1\n</parameter>\n",
            content="<tool_call>\n<function=get_weather>\n<parameter=days>\n1\n</parameter>\n",
        ),
    ),
)

_GLM = Family(
    "glm",
    jinja(
        "<tool_call>"
        + _NAME
        + "\n"
        + _each("<arg_key>{{ k }}</arg_key>\n<arg_value>{{ v }}</arg_value>\n")
        + "</tool_call>",
        between="\n",
        thinking=_THINK,
    ),
    (
        Output(
            "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>"
            + _CITY
            + "</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>"
            "<tool_call>now</tool_call>",
            calls=(WEATHER, NOW),
        ),
    ),
)

_MINIMAX = Family(
    "minimax",
    jinja(
        '<invoke name="'
        + _NAME
        + '">\n'
        + _each('<parameter name="{{ k }}">{{ v }}</parameter>\n')
        + "</invoke>\n",
        "<minimax:tool_call>\n",
        "</minimax:tool_call>",
    ),
    (
        Output(
            '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">'
            + _CITY
            + '</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n'
            '<invoke name="now">\n</invoke>\n</minimax:tool_call>',
            calls=(WEATHER, NOW),
        ),
    ),
)

_KEYED_TAGS = Family(
    "tags named like the arguments",
    jinja(
        ']<]mark[>[<invoke name="'
        + _NAME
        + '">'
        + _each("]<]mark[>[<{{ k }}>{{ v }}]<]mark[>[</{{ k }}>")
        + "]<]mark[>[</invoke>\n",
        "]<]mark[>[<tool_call>\n",
        "]<]mark[>[</tool_call>",
    ),
    (
        Output(
            ']<]mark[>[<tool_call>\n]<]mark[>[<invoke name="get_weather">]<]mark[>[<city>'
            + _CITY
            + "]<]mark[>[</city>]<]mark[>[<days>3]<]mark[>[</days>]<]mark[>[</invoke>\n"
            "]<]mark[>[</tool_call>",
            calls=(WEATHER,),
        ),
    ),
)

_DSML = Family(
    "dsml",
    jinja(
        '<｜DSML｜invoke name="'
        + _NAME
        + '">\n'
        + _each(
            '<｜DSML｜parameter name="{{ k }}" string="'
            "{{ 'true' if v is string else 'false' }}\">"
            "{{ v }}</｜DSML｜parameter>\n"
        )
        + "</｜DSML｜invoke>\n",
        "\n\n<｜DSML｜function_calls>\n",
        "</｜DSML｜function_calls>",
    ),
    (
        Output(
            'Yes.\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n'
            '<｜DSML｜parameter name="city" string="true">' + _CITY + "</｜DSML｜parameter>\n"
            '<｜DSML｜parameter name="days" string="false">3</｜DSML｜parameter>\n'
            "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
            content="Yes.",
            calls=(WEATHER,),
        ),
    ),
)

_LLAMA = Family(
    "llama 3",
    jinja('{"name": "' + _NAME + '", "parameters": ' + _ARGUMENTS + "}", between="; ")
    + "{# <|python_tag|> #}",
    (
        Output('{"name": "get_weather", "parameters": ' + _JSON_WEATHER + "}", calls=(WEATHER,)),
        Output('{"name": "now", "parameters": {}}; {"name": "now"}', calls=(NOW, NOW)),
        Output('{"name": "unknown", "parameters": {}}', '{"name": "unknown", "parameters": {}}'),
        Output('  {"a": 1}', '  {"a": 1}'),
        Output('So: {"name": "now"}', 'So: {"name": "now"}'),
        Output('<|python_tag|>{"name": "now", "parameters": {}}', calls=(NOW,)),
        Output("<|python_tag|>now.call()", calls=(NOW,)),
        Output("<|python_tag|>print(1)", content="<|python_tag|>print(1)"),
    ),
)

_COHERE = Family(
    "command r",
    jinja(
        '    {"tool_call_id": "{{ loop.index0 }}", "tool_name": "'
        + _NAME
        + '", "parameters": '
        + _ARGUMENTS
        + "}",
        "<|START_ACTION|>[\n",
        "\n]<|END_ACTION|>",
        ",\n",
        thinking="<|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|>",
        opening="{% if m.content and m.role == 'assistant' %}<|START_TEXT|>",
        closing="<|END_TEXT|>{% else %}{{ m.content }}{% endif %}",
    ),
    (
        Output(
            "<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    "
            '{"tool_call_id": "0", "tool_name": "get_weather", "parameters": '
            + _JSON_WEATHER
            + "}\n]<|END_ACTION|>",
            thinking="Hm.",
            calls=(WEATHER,),
        ),
        Output(
            "<|START_THINKING|>Hm.<|END_THINKING|><|START_TEXT|>Yes.<|END_TEXT|>",
            content="Yes.",
            thinking="Hm.",
        ),
    ),
)

_LFM2 = Family(
    "lfm2",
    jinja(
        _NAME
        + "("
        + _each(
            '{{ k }}={{ "\'" ~ v ~ "\'" if v is string else v }}{% if not loop.last %}, {% endif %}'
        )
        + ")",
        "<|tool_call_start|>[",
        "]<|tool_call_end|>",
        ", ",
    ),
    (
        Output(
            "<|tool_call_start|>[get_weather(city='Bern \"old\", <b>', days=3), now()]"
            "<|tool_call_end|>Wait.",
            content="Wait.",
            calls=(WEATHER, NOW),
        ),
        Output(
            '<|tool_call_start|>[now(a=[1, "x\\n", {"k": True}], b=None)]<|tool_call_end|>',
            calls=(ToolCall("now", {"a": [1, "x\n", {"k": True}], "b": None}),),
        ),
        Output("<|tool_call_start|>[now(1)]", content="<|tool_call_start|>[now(1)]"),
    ),
    texts=("now(", "a=", "'", ")"),
)

_GEMMA = Family(
    "gemma",
    jinja(
        "<start_function_call>call:"
        + _NAME
        + "{{ '{' }}"
        + _each(
            "{{ k }}:{{ '<escape>' ~ v ~ '<escape>' if v is string else v }}"
            "{% if not loop.last %},{% endif %}"
        )
        + "}<end_function_call>"
    ),
    (
        Output(
            "<start_function_call>call:get_weather{city:<escape>"
            + _CITY
            + "<escape>,days:3}<end_function_call><start_function_call>call:now{}"
            "<end_function_call>",
            calls=(WEATHER, NOW),
        ),
        Output(
            "<start_function_call>call:now{a:[1,<escape>x<escape>],b:{c:true}}<end_function_call>",
            calls=(ToolCall("now", {"a": [1, "x"], "b": {"c": True}}),),
        ),
    ),
)

_HARMONY = Family(
    "harmony",
    "{#- <|start|> <|channel|> <|message|> -#}{{ messages | length }}{{ tools | length }}",
    (
        Output(
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final"
            "<|message|>Yes.\n<|return|>",
            content="Yes.",
            thinking="Hm.",
        ),
        Output(
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
            "to=functions.get_weather <|constrain|>json<|message|>" + _JSON_WEATHER + "<|call|>",
            thinking="Hm.",
            calls=(WEATHER,),
        ),
        Output(
            "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.now"
            "<|channel|>commentary json<|message|>{}<|end|><|start|>assistant<|channel|>final"
            "<|message|>Yes.",
            content="I look.Yes.",
            calls=(NOW,),
        ),
        Output("<|channel|>final<|message|>Yes", content="Yes"),
        Output("Just text.\n", content="Just text.\n"),
        Output("<|channel|>commentary to=functions.now<|message|>{oops<|call|>", content="{oops"),
    ),
    texts=("<|channel|>", "to=functions.now", "{}"),
)

_GLIMMER = Family(
    "glimmer",
    "{#- <atem:function_calls> <|message|> -#}{{ messages | length }}{{ tools | length }}",
    (
        Output(
            " to=self<|message|>Hm.<|eom|><|start|>assistant to=get_weather<|message|>"
            '<atem:function_calls>\n<atem:invoke name="get_weather">\n<atem:parameter name="city">'
            + _CITY
            + '</atem:parameter>\n<atem:parameter name="days">3</atem:parameter>\n'
            "</atem:invoke>\n</atem:function_calls><|eom|><|start|>assistant to=user<|message|>"
            "Yes.<|eot|>",
            content="Yes.",
            thinking="Hm.",
            calls=(WEATHER,),
        ),
    ),
    texts=(" to=self", "to=now"),
)

_FUNCTIONARY = Family(
    "functionary",
    "{#- >>>all -#}{{ messages | length }}{{ tools | length }}",
    (
        Output(
            "all\nI look.\n>>>get_weather\n" + _JSON_WEATHER + ">>>now\n{}",
            content="I look.",
            calls=(WEATHER, NOW),
        ),
    ),
)

_KIMI_K3 = Family(
    "kimi k3",
    "{#- <|open|> <|close|> <|end_of_msg|> -#}{{ messages | length }}{{ tools | length }}",
    (
        Output(
            "Hm.<|close|>think<|sep|><|open|>response<|sep|>Yes.<|close|>response<|sep|><|open|>"
            'tools<|sep|><|open|>call tool="get_weather" index="1"<|sep|><|open|>argument '
            'key="city" type="string"<|sep|>' + _CITY + "<|close|>argument<|sep|><|open|>argument "
            'key="days" type="number"<|sep|>3<|close|>argument<|sep|><|close|>call<|sep|><|close|>'
            "tools<|sep|><|close|>message<|sep|>",
            content="Yes.",
            thinking="Hm.",
            calls=(WEATHER,),
            is_thinking=True,
        ),
    ),
)

_APRIEL = Family(
    "thoughts without an opening tag",
    jinja("<tool_calls>[]</tool_calls>") + "{#- [BEGIN FINAL RESPONSE] -#}",
    (Output("Hm.\n[BEGIN FINAL RESPONSE]\nYes.", content="Yes.", thinking="Hm."),),
)

_UNKNOWN = Family(
    "a template that shows no calls",
    "{{ messages[0].content }}{% if tools %}{{ tools | tojson }}{% endif %}",
    (
        Output('{"name": "now", "arguments": {}}', calls=(NOW,)),
        Output('So.<tool_call>{"name": "now"}</tool_call>', content="So.", calls=(NOW,)),
        Output('{"key": "value"}', content='{"key": "value"}'),
    ),
)

_GO = Family(
    "go with a tag",
    '{{ range .Messages }}{{ if eq .Role "assistant" }}{{ .Content }}{{ if .ToolCalls }}'
    "{{ range .ToolCalls }}<tool_call>\n"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n</tool_call>'
    "{{ end }}{{ end }}{{ else }}{{ .Content }}{{ end }}{{ end }}{{ .Tools }}",
    (
        Output("Hello.", content="Hello."),
        Output(
            'I look. <tool_call>\n{"name": "get_weather", "arguments": '
            + _JSON_WEATHER
            + '}\n</tool_call>\n<tool_call>{"name": "now", "arguments": {}}</tool_call>',
            content="I look.",
            calls=(WEATHER, NOW),
        ),
        Output('<tool_call>now {"a": "}"}', calls=(ToolCall("now", {"a": "}"}),)),
        Output('<tool_call>{"now": {"b": 1}} and', "and", calls=(ToolCall("now", {"b": 1}),)),
        Output('<tool_call>{"name": "now"}', content='<tool_call>{"name": "now"}'),
    ),
    is_go=True,
)

_GO_BARE = Family(
    "go without a tag",
    "{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}"
    '{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}{{ end }}'
    "{{ end }}{{ end }}{{ .Tools }}",
    (
        Output('{"name": "now", "parameters": {}} Yes.', content="Yes.", calls=(NOW,)),
        Output(
            'Look: {"name": "now", "parameters": {}}', 'Look: {"name": "now", "parameters": {}}'
        ),
        Output('{"a": 1}', content='{"a": 1}'),
    ),
    is_go=True,
)

FAMILIES = (
    _HERMES, _NEMOTRON, _APERTUS, _MISTRAL_LIST, _MISTRAL_NAMED, _DEEPSEEK, _DEEPSEEK_R1, _KIMI,
    _SOLAR, _QWEN_CODER, _GLM, _MINIMAX, _KEYED_TAGS, _DSML, _LLAMA, _COHERE, _LFM2, _GEMMA,
    _HARMONY, _GLIMMER, _FUNCTIONARY, _KIMI_K3, _APRIEL, _UNKNOWN, _GO, _GO_BARE,
)  # fmt: skip
