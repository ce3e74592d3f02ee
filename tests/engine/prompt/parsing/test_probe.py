from collections.abc import Callable

import gguf
import pytest

from engine.prompt.messages import Conversation, Message
from engine.prompt.parsing.format import CallFormat, Channels, OutputFormat
from engine.prompt.parsing.json_calls import JsonBody
from engine.prompt.parsing.literal_calls import GemmaBody, PythonBody
from engine.prompt.parsing.named_calls import NamedBody, Slot
from engine.prompt.parsing.probe import ends_in_thoughts, find_format
from engine.prompt.parsing.tagged_calls import TaggedBody
from engine.prompt.template import GoChatTemplate, JinjaChatTemplate
from tests.conftest import TINY_MODEL
from tests.engine.prompt.parsing.families import FAMILIES, jinja

HERMES = CallFormat(JsonBody(), ("<tool_call>",), ("</tool_call>",))


def form_of(name: str) -> OutputFormat:
    return next(family for family in FAMILIES if family.name == name).form


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("hermes", HERMES),
        ("nemotron", CallFormat(JsonBody(is_list=True), ("<TOOLCALL>",), ("</TOOLCALL>",))),
        (
            "apertus",
            CallFormat(
                JsonBody(name_key="", is_list=True), ("<|tools_prefix|>",), ("<|tools_suffix|>",)
            ),
        ),
        (
            "mistral with a list",
            CallFormat(JsonBody(id_key="id", is_list=True), ("[TOOL_CALLS]",)),
        ),
        (
            "mistral with names",
            CallFormat(
                NamedBody((Slot("name", "[CALL_ID]"), Slot("id", "[ARGS]"))), ("[TOOL_CALLS]",)
            ),
        ),
        (
            "kimi k2",
            CallFormat(
                NamedBody((Slot("name", "<|tool_call_argument_begin|>"),), is_numbered=True),
                ("<|tool_call_begin|>",),
                ("<|tool_call_end|>",),
                ("<|tool_calls_section_begin|>",),
                ("<|tool_calls_section_end|>",),
            ),
        ),
        (
            "solar",
            CallFormat(
                NamedBody((Slot("id", "<|tool_call:name|>"), Slot("name", "<|tool_call:args|>"))),
                ("<|tool_call:begin|>",),
                ("<|tool_call:end|>",),
                ("<|tool_calls|>",),
                ("<|calls|>",),
            ),
        ),
        (
            "qwen3 coder",
            CallFormat(
                TaggedBody("<parameter=", ">", "</parameter>", ">"),
                ("<tool_call>", "<function="),
                ("</function>", "</tool_call>"),
            ),
        ),
        (
            "glm",
            CallFormat(
                TaggedBody("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>"),
                ("<tool_call>",),
                ("</tool_call>",),
            ),
        ),
        (
            "minimax",
            CallFormat(
                TaggedBody('<parameter name="', '">', "</parameter>", '">'),
                ('<invoke name="',),
                ("</invoke>",),
                ("<minimax:tool_call>",),
                ("</minimax:tool_call>",),
            ),
        ),
        (
            "command r",
            CallFormat(
                JsonBody("tool_name", "parameters", is_list=True),
                ("<|START_ACTION|>",),
                ("<|END_ACTION|>",),
            ),
        ),
        (
            "lfm2",
            CallFormat(PythonBody(), ("<|tool_call_start|>",), ("<|tool_call_end|>",)),
        ),
        (
            "gemma",
            CallFormat(
                GemmaBody("<escape>"), ("<start_function_call>call:",), ("<end_function_call>",)
            ),
        ),
    ],
)
def test_calls_are_found_as_the_template_writes_them(name: str, calls: CallFormat):
    assert form_of(name).calls == (calls,)


def test_key_repeated_by_a_closing_tag_is_found():
    body = form_of("tags named like the arguments").calls[0].body
    assert isinstance(body, TaggedBody)
    assert body.value_end == "]<]mark[>[</\0>"


def test_attribute_that_tells_text_from_json_is_found():
    body = form_of("dsml").calls[0].body
    assert isinstance(body, TaggedBody)
    assert (body.key_end, body.attribute_end, body.text_attribute) == ('" string="', '">', "true")


def test_unmarked_calls_are_of_tools_on_offer_only():
    calls = form_of("llama 3").calls[0]
    assert calls == CallFormat(JsonBody(arguments_key="parameters", is_known_only=True))
    assert calls.triggers == ()


def test_nested_calls_with_text_for_arguments_are_found():
    source = jinja(
        '<call>{"id": "{{ c.id }}", "function": {"name": "{{ c.function.name }}", "arguments": '
        "{{ c.function.arguments | tojson | tojson }}}}</call>"
    )
    body = find_format(JinjaChatTemplate(source)).calls[0].body
    assert body == JsonBody(id_key="id", is_nested=True, has_text_arguments=True)


@pytest.mark.parametrize(
    ("thinking", "tags"),
    [
        ("<think>\n{{ m.reasoning_content }}\n</think>\n", ("<think>", "</think>")),
        ("<seed:think>{{ m.reasoning_content }}</seed:think>", ("<seed:think>", "</seed:think>")),
        ("[THINK]{{ m.reasoning_content }}[/THINK]", ("[THINK]", "[/THINK]")),
        (
            "<|channel>thought\n{{ m.reasoning_content }}\n<channel|>",
            ("<|channel>thought", "<channel|>"),
        ),
        ("", None),
    ],
)
def test_tags_of_thoughts_are_found(thinking: str, tags: tuple[str, str] | None):
    assert find_format(JinjaChatTemplate(jinja("", thinking=thinking))).thinking == tags


def test_thoughts_that_a_template_only_cuts_off_are_known_by_their_tag():
    source = "{{ messages[0].content.split('</think>')[-1] }}"
    assert find_format(JinjaChatTemplate(source)).thinking == ("<think>", "</think>")


def test_tags_around_content_are_found():
    assert form_of("command r").wrappers == ("<|START_TEXT|>", "<|END_TEXT|>")


def test_use_of_call_ids_and_of_parallel_calls_is_found():
    assert form_of("mistral with a list").has_call_ids
    assert not form_of("hermes").has_call_ids
    assert form_of("hermes").is_parallel
    one = jinja("<c>{{ messages[-1].tool_calls[0].function | tojson }}</c>").replace(
        "{%- for c in m.tool_calls -%}", "{%- for c in m.tool_calls[:1] -%}"
    )
    assert not find_format(JinjaChatTemplate(one)).is_parallel


def test_template_that_refuses_two_calls_still_shows_one():
    source = jinja(
        "{% if m.tool_calls | length > 1 %}{{ raise_exception('one call') }}{% endif %}"
        '<c>{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}</c>'
    )
    form = find_format(JinjaChatTemplate(source))
    assert form.calls == (CallFormat(JsonBody(), ("<c>",), ("</c>",)),)
    assert not form.is_parallel


def test_template_that_refuses_everything_has_no_calls_and_no_thoughts():
    source = "{{ raise_exception('no') }}"
    assert find_format(JinjaChatTemplate(source)) == OutputFormat()


def test_template_without_tools_has_no_calls():
    assert not find_format(GoChatTemplate("{{ .Prompt }}")).has_calls


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        ('<tool_call>\n{"name": "{{ .Function.Name }}"}', "<tool_call>"),
        ('[TOOL_CALLS] [{"name": "{{ .Function.Name }}"}]', "[TOOL_CALLS]"),
        ('{"name": "{{ .Function.Name }}", "parameters": {{ .Function.Arguments }}}', "{"),
        ("{{ .Function.Name }}", "{"),
    ],
)
def test_go_templates_show_the_text_that_opens_calls(body: str, tag: str):
    source = (
        "{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}"
        "{{ range .ToolCalls }}BODY{{ end }}{{ end }}{{ end }}{{ .Tools }}"
    ).replace("BODY", body)
    assert find_format(GoChatTemplate(source)).go_tag == tag


def test_go_templates_that_write_tags_are_read_by_their_tags():
    source = (
        "{{ range .Messages }}{{ .Content }}{{ range .ToolCalls }}<tool_call>{{ .Function.Name }}\n"
        "{{ range $k, $v := .Function.Arguments }}<arg_key>{{ $k }}</arg_key>\n"
        "<arg_value>{{ $v }}</arg_value>\n{{ end }}</tool_call>{{ end }}{{ end }}{{ .Tools }}"
    )
    form = find_format(GoChatTemplate(source))
    assert form.go_tag == ""
    assert isinstance(form.calls[0].body, TaggedBody)


def test_go_thinking_tags_are_those_of_the_template():
    source = (
        "{{ range .Messages }}{{ if .Thinking }}<reason>{{ .Thinking }}</reason>{{ end }}"
        "{{ .Content }}{{ end }}"
    )
    assert find_format(GoChatTemplate(source)).thinking == ("<reason>", "</reason>")


@pytest.mark.parametrize("template", [JinjaChatTemplate, GoChatTemplate])
def test_harmony_is_known_by_its_marks(template: Callable[[str], JinjaChatTemplate]):
    source = "<|start|>user<|message|>{{ 1 }}<|end|><|start|>assistant<|channel|>"
    form = find_format(template(source))
    assert form.channels == Channels(
        "<|start|>", "<|message|>", ("<|end|>", "<|call|>", "<|return|>"), "harmony"
    )
    assert {"<|channel|>", "<|constrain|>", "<|message|>"} <= set(form.visible_tokens)


def test_tokens_that_must_stay_visible_are_the_tags():
    tokens = form_of("mistral with names").visible_tokens
    assert {"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"} <= set(tokens)
    assert {"<tool_call>", "</tool_call>", "<think>", "</think>"} <= set(
        form_of("hermes").visible_tokens
    )


def test_prompt_that_ends_with_the_opening_tag_opens_the_thoughts():
    form = OutputFormat(thinking=("<think>", "</think>"))
    assert ends_in_thoughts(form, "assistant\n<think>\n")
    assert not ends_in_thoughts(form, "assistant\n<think>\n\n</think>\n\n")
    assert not ends_in_thoughts(OutputFormat(), "assistant\n<think>\n")


def test_formats_are_equal_and_hashable_by_value():
    again = find_format(JinjaChatTemplate(next(f for f in FAMILIES if f.name == "hermes").source))
    assert again == form_of("hermes")
    assert len({again, form_of("hermes"), form_of("glm")}) == 2


def test_bundled_model_thinks_and_calls_in_tags():
    reader = gguf.GGUFReader(TINY_MODEL)
    template = JinjaChatTemplate(reader.fields["tokenizer.chat_template"].contents())
    form = find_format(template)
    assert form == OutputFormat(thinking=("<think>", "</think>"), calls=(HERMES,))
    prompt = template.render(Conversation((Message("user", "Hi"),), think=False))
    assert not ends_in_thoughts(form, prompt)
