"""Rendering of Jinja chat templates in the style of the common families."""

from datetime import datetime

import pytest
from gguf import GGUFReader

from engine.prompt.errors import ConversationRefusedError, TemplateError
from engine.prompt.jinja import MAX_SOURCE_CHARS, JinjaTemplate
from engine.prompt.messages import Conversation, Message, ToolCall
from tests.conftest import TINY_MODEL

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells <the> weather & more",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
ASK = Message("user", "Hi")
TALK = Conversation((Message("system", "Be kind"), ASK, Message("assistant", "Hello"), ASK))
CALL = Conversation(
    (
        Message("user", "Weather?"),
        Message("assistant", tool_calls=(ToolCall("get_weather", {"city": "Köln"}, "call00001"),)),
        Message("tool", "rain", tool_name="get_weather", tool_call_id="call00001"),
    ),
    tools=(TOOL,),
)

CHATML = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}"""

NO_SYSTEM = """\
{{- bos_token -}}
{%- if messages[0]['role'] == 'system' -%}
  {{- raise_exception('System role not supported') -}}
{%- endif -%}
{%- for m in messages -%}
  {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) -%}
    {{- raise_exception('Roles must alternate') -}}
  {%- endif -%}
  <turn>{{ m['role'] }}
{{ m['content'] | trim }}</turn>
{% endfor -%}"""

HERMES = """\
{%- if tools %}
{{- '# Tools' }}
{%- for tool in tools %}
{{- '\\n' ~ (tool | tojson) }}
{%- endfor %}
{%- endif %}
{%- for message in messages %}
{%- if message.tool_calls %}
{%- for call in message.tool_calls %}
{{- '\\n<tool_call>' + call.function.name + ' ' + (call.function.arguments | tojson) }}
{%- endfor %}
{%- elif message.role == 'tool' %}
{{- '\\n<result ' + message.name + ' ' + message.tool_call_id + '>' + message.content }}
{%- else %}
{{- '\\n' + message.content }}
{%- endif %}
{%- endfor %}"""


def render(source: str, conversation: Conversation = TALK, **values: object) -> str:
    return JinjaTemplate.parse(source).render(conversation, **values)  # type: ignore[arg-type]


def test_chatml_style() -> None:
    assert render(CHATML) == (
        "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nHello<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert render(CHATML, Conversation((ASK,)), add_generation_prompt=False) == (
        "<|im_start|>user\nHi<|im_end|>\n"
    )


def test_a_system_message_without_a_place_goes_into_the_next_message() -> None:
    assert render(NO_SYSTEM, bos_text="<s>") == (
        "<s><turn>user\nBe kind\nHi</turn>\n<turn>assistant\nHello</turn>\n<turn>user\nHi</turn>\n"
    )


def test_an_objection_of_the_template_is_the_callers_error() -> None:
    with pytest.raises(ConversationRefusedError, match=r"^chat template: Roles must alternate$"):
        render(NO_SYSTEM, Conversation((ASK, ASK)))


def test_tools_calls_and_results() -> None:
    assert render(HERMES, CALL) == (
        "# Tools\n"
        '{"type": "function", "function": {"name": "get_weather", "description": '
        '"Tells <the> weather & more", "parameters": {"type": "object", "properties": '
        '{"city": {"type": "string"}}}}}\n'
        'Weather?\n<tool_call>get_weather {"city": "Köln"}\n'
        "<result get_weather call00001>rain"
    )


def test_arguments_become_text_for_a_template_that_adds_them_to_text() -> None:
    source = HERMES.replace("(call.function.arguments | tojson)", "call.function.arguments")
    assert '<tool_call>get_weather {"city": "Köln"}' in render(source, CALL)


def test_content_becomes_parts_for_a_template_that_looks_for_parts() -> None:
    source = (
        "{% for m in messages %}{% for part in m.content %}{% if part.type == 'text' %}"
        "[{{ part.text }}]{% endif %}{% endfor %}{% endfor %}"
    )
    assert render(source) == "[Be kind][Hi][Hello][Hi]"


def test_a_template_may_change_lists_but_not_the_callers() -> None:
    source = (
        "{% set seen = [] %}{% for m in messages %}{% set _ = seen.append(m.content) %}"
        "{% endfor %}{{ seen | join(',') }}"
        "{% if tools %}{% set _ = tools[0].function.parameters.properties.city.type %}"
        "{% set _ = tools.pop() %}{{ tools | length }}{% endif %}"
    )
    assert render(source, CALL) == "Weather?,,rain0"
    assert CALL.tools == (TOOL,)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{'b': 1, 'a': '<é>'} | tojson", '{"b": 1, "a": "<é>"}'),
        ("{'b': 1, 'a': 2} | tojson(sort_keys=True)", '{"a": 2, "b": 1}'),
        ("[1] | tojson(indent=2)", "[\n  1\n]"),
        ("{'a': [1, 2]} | tojson(separators=(',', ':'))", '{"a":[1,2]}'),
        ("'é' | tojson(ensure_ascii=True)", '"\\u00e9"'),
        ("[1, 2] | map('string') | tojson", '["1", "2"]'),
        ("strftime_now('%d %b %Y')", "03 Feb 2025"),
        ("date_string", "03 Feb 2025"),
        ("tools is defined", "False"),
        ("enable_thinking is defined", "False"),
        ("bos_token ~ 1 ~ eos_token", "<s>1</s>"),
        ("messages | length", "4"),
        ("'%s-%d' % ('a', 3)", "a-3"),
        ("'{:>5}|{}'.format('a', 'b')", "    a|b"),
        ("['a', 'b'] | join('+')", "a+b"),
        ("'ab' | replace('a', 'c')", "cb"),
        ("'a\nb' | indent(2)", "a\n  b"),
        ("'x' * 3 + 'y'", "xxxy"),
        ("namespace(a=1).a", "1"),
    ],
)
def test_conveniences(expression: str, expected: str) -> None:
    now = datetime(2025, 2, 3, 4, 5)
    rendered = render("{{ " + expression + " }}", bos_text="<s>", eos_text="</s>", now=now)
    assert rendered == expected


def test_loops_know_their_length_and_can_be_left() -> None:
    source = (
        "{% for m in messages %}{% if loop.index == 2 %}{% continue %}{% endif %}"
        "{% if loop.index == 4 %}{% break %}{% endif %}"
        "{{ loop.index }}/{{ loop.length }}{{ loop.last }} {% endfor %}"
        "{% for x in messages if x.role == 'user' %}{{ loop.length }}{% else %}-{% endfor %}"
        "{% for x in [] %}{% else %}none{% endfor %}"
    )
    assert render(source) == "1/4False 3/4False 22none"


def test_generation_tags_leave_their_body() -> None:
    source = "{% generation %}{% set x = 'in' %}{{ x }}{% endgeneration %} out"
    assert render(source) == "in out"


@pytest.mark.parametrize(
    ("think", "expected"),
    [(None, "--"), (True, "True-"), (False, "False-"), ("high", "True-high")],
)
def test_thinking_switches(think: bool | str | None, expected: str) -> None:
    source = (
        "{{ enable_thinking if enable_thinking is defined else '-' }}-"
        "{{ reasoning_effort | default('') }}"
    )
    assert render(source, Conversation((ASK,), think=think)) == expected


def test_thoughts_of_the_assistant_are_visible_under_both_names() -> None:
    source = (
        "{% for m in messages %}{{ m.reasoning_content | default('-') }}"
        "{{ m.thinking | default('-') }}{% endfor %}"
    )
    talk = Conversation((ASK, Message("assistant", "yes", thinking="hm")))
    assert render(source, talk) == "--hmhm"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a\n{% if %}", "chat template: line 2: "),
        ("{{ 'a' }", "chat template: line 1: unexpected '}'"),
        ("{% include 'x' %}", "chat template line 1: "),
        ("a\n\n{{ messages[0].a.b }}", "chat template line 3: 'dict object' has no attribute 'a'"),
        ("{{ 1 / 0 }}", "chat template line 1: division by zero"),
        ("{{ messages[9].role }}", "chat template line 1: list object has no element 9"),
        ("{{ 'a' + 1 }}", "chat template line 1: "),
        ("{{ messages | nope }}", "chat template: line 1: No filter named 'nope'."),
        ("{{ undefined | tojson }}", "chat template line 1: Undefined cannot be written as JSON"),
    ],
)
def test_errors_say_what_and_where(source: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render(source)
    assert str(caught.value).startswith(message)


def test_a_source_may_be_long_but_not_too_long() -> None:
    assert len(render("x" * MAX_SOURCE_CHARS)) == MAX_SOURCE_CHARS
    with pytest.raises(TemplateError, match="longer than"):
        JinjaTemplate.parse("x" * (MAX_SOURCE_CHARS + 1))


def test_a_template_is_compiled_once() -> None:
    assert JinjaTemplate.parse(CHATML) is JinjaTemplate.parse(CHATML)


def test_the_bundled_models_own_template() -> None:
    field = GGUFReader(str(TINY_MODEL)).get_field("tokenizer.chat_template")
    assert field is not None
    template = JinjaTemplate.parse(field.contents())
    prompt = template.render(TALK, "<s>", "</s>")
    places = [prompt.index(text) for text in ("Be kind", "Hi", "Hello")]
    assert places == sorted(places)
    assert prompt.endswith(template.render(Conversation((ASK,)))[-10:])
    assert prompt != template.render(TALK, "<s>", "</s>", add_generation_prompt=False)
